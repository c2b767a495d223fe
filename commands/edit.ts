import { Flags } from '@oclif/core';
import { MASK_RULE, openTokenizer, requireModelThere, UsageError, variationMask } from '../src/index.js';
import {
  EditCommand,
  editArgs,
  editFlags,
  type GivenPicture,
  maskFlags,
  WINDOWS_NOTE,
} from '../src/cli/editCommand.js';
import { editOf } from '../src/cli/editResult.js';
import { CLASS_DESCRIPTION } from '../src/cli/samplingFlags.js';
import { parseNumber } from '../src/cli/numbers.js';

export default class Edit extends EditCommand {
  static override summary = 'Turn a part of a picture into another class, or vary it.';
  static override description = `${WINDOWS_NOTE} ${MASK_RULE}
With --mask, the masked part becomes the class named. With --keep, that share of the tokens stays, drawn at random by
the seed, and the others are drawn anew: variations of the picture.`;
  static override examples = [
    '<%= config.bin %> edit cat.png --mask face.png --class "golden retriever" -o dog.png',
    '<%= config.bin %> edit seven.png --class 7 --keep 0.5 --seed 3 -o another-seven.png',
  ];
  static override args = editArgs;
  static override flags = {
    ...editFlags,
    ...maskFlags,
    class: Flags.string({
      char: 'c',
      helpValue: 'NAME',
      description: CLASS_DESCRIPTION,
      required: true,
    }),
    keep: Flags.string({
      description: 'share of tokens that stay, from 0 to 1',
      helpValue: 'FRACTION',
      exclusive: ['mask', 'invert-mask', 'feather'],
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Edit);
    if (flags.keep === undefined && flags.mask === undefined)
      throw new UsageError('--mask or --keep is needed: what is to be drawn anew?');
    const choice = this.chooseEditOutput(flags);
    const pictures = await this.readPictures(args.image);
    this.checkEditOutput(flags, pictures.length);
    const seed = this.chooseSeed(flags);
    const edits =
      flags.keep === undefined
        ? (await this.readMasks(flags, pictures, args.image)).map((mask, index) =>
            editOf(pictures[index]!.picture, mask),
          )
        : variations(pictures, flags.keep, await this.modelFolder(flags), seed);
    await this.redrawAll({ ...flags, seed }, edits, choice);
  }
}

/** Each picture with a mask for each of its results, for a share of tokens that stay. */
function variations(pictures: readonly GivenPicture[], share: string, model: string, seed: number) {
  const keep = parseNumber(share, '--keep', { min: 0, max: 1 });
  requireModelThere(model);
  const { kind, config } = openTokenizer(model);
  const tokenPixels = kind.facts(config).factor;
  return pictures.map(({ picture }) =>
    editOf(picture, (result) => variationMask(picture, keep, tokenPixels, seed, result)),
  );
}
