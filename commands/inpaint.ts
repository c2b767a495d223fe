import { Flags } from '@oclif/core';
import { EditCommand, editArgs, editFlags, maskFlags, WINDOWS_NOTE } from '../src/cli/editCommand.js';
import { editOf } from '../src/cli/editResult.js';
import { MASK_RULE } from '../src/index.js';

export default class Inpaint extends EditCommand {
  static override summary = 'Draw the masked part of a picture anew.';
  static override description = `${WINDOWS_NOTE} ${MASK_RULE}
Without --mask, the transparent pixels of the picture are drawn. Known tokens enter in one go; only the others are
sampled, so that a small mask takes few steps.`;
  static override examples = [
    '<%= config.bin %> inpaint photo.png --mask mask.png --class 207 -o result.png',
    '<%= config.bin %> inpaint photo.png --mask mask.png --feather 4 --seed 7 -o result.png',
    '<%= config.bin %> sample --class 3 -o - | <%= config.bin %> inpaint - --mask mask.png -o - | <%= config.bin %> tokenize -',
  ];
  static override args = editArgs;
  static override flags = {
    ...editFlags,
    ...maskFlags,
    composite: Flags.boolean({
      description: 'keep the unmasked pixels; without, windows are shown as the tokenizer decodes them',
      default: true,
      allowNo: true,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Inpaint);
    const choice = this.chooseEditOutput(flags);
    const pictures = await this.readPictures(args.image);
    this.checkEditOutput(flags, pictures.length);
    const masks = await this.readMasks(flags, pictures, args.image);
    const edits = pictures.map(({ picture }, index) => editOf(picture, masks[index]!, flags.composite));
    await this.redrawAll(flags, edits, choice);
  }
}
