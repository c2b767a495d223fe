import { Args, Flags } from '@oclif/core';
import {
  codesFault,
  codesOfLine,
  commonRecord,
  decodeText,
  InputError,
  isVectorArchive,
  MAX_INPUT_BYTES,
  notesOf,
  parseTokenLines,
  readVectors,
} from '../src/index.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { BaseCommand, modelFlags, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { checkImageOutput, checkImageSize, IMAGE_FORMATS, writeImages } from '../src/cli/imageOutput.js';
import { chooseOutput, outputFlags } from '../src/cli/outputFormat.js';
import { startProgress } from '../src/cli/progress.js';
import { inputName, readInput, requireBinaryOutput, STREAM } from '../src/cli/streams.js';
import { writtenLine } from '../src/cli/written.js';

/** All images are held until they are written. */
const MAX_PIXELS = 2 ** 27;

export default class Detokenize extends BaseCommand {
  static override summary = 'Turn tokens into images.';
  static override description =
    `Reads JSON lines {"tokens": […], "grid": [rows, columns]}, with "scales" instead of "grid" where the tokenizer has
several, or with "vectors" and "channels" instead of "tokens", up to ${MAX_INPUT_BYTES / 2 ** 20} MiB; a square grid need not be named. The first scales
alone give the picture in coarse.`;
  static override examples = [
    '<%= config.bin %> detokenize tokens.jsonl -o images/',
    '<%= config.bin %> sample --class 3 --format tokens | <%= config.bin %> detokenize -o three.png',
  ];
  static override args = {
    file: Args.string({
      ignoreStdin: true,
      description: 'file of JSON lines, .npz archive of vectors, or - for stdin',
      default: STREAM,
    }),
  };
  static override flags = {
    ...modelFlags,
    ...outputFlags(IMAGE_FORMATS),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'file, folder (with a slash) or - for stdout',
      helpValue: 'PATH',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Detokenize);
    requireSeparateOutputs(flags);
    requireBinaryOutput(flags.output);
    const choice = chooseOutput(flags, IMAGE_FORMATS);
    const source = inputName(args.file);
    const lines = isVectorArchive(args.file)
      ? await readVectors(args.file)
      : parseTokenLines(decodeText(await readInput(args.file)), source);
    checkImageOutput(flags.output, choice.format, lines.length);
    const model = await this.loadModel(flags);
    const { tokenizer } = model;
    const inputs = lines.map((line) => {
      const codes = codesOfLine(line, line.place);
      const fault = codesFault(tokenizer.facts.codes, codes);
      if (fault !== undefined)
        throw new InputError(`${line.place}: ${fault}; use the tokenizer that made it`);
      return codes;
    });
    const positions = inputs.reduce((sum, { grid }) => sum + grid.height * grid.width, 0);
    const pixels = positions * tokenizer.factor ** 2;
    if (pixels > MAX_PIXELS)
      throw new InputError(
        `${source}: ${inputs.length} images of ${pixels} pixels together are more than the ${MAX_PIXELS} that are decoded at once; split it`,
      );
    const sizes = new Set(inputs.map(({ grid }) => `${grid.width}×${grid.height}`));
    const isJoint = choice.format === 'grid' || choice.format === 'npz';
    if (isJoint && sizes.size > 1)
      throw new InputError(
        `${source}: images of different sizes (${[...sizes].join(', ')} tokens) do not fit in one ${choice.format}`,
      );
    for (const { grid } of inputs)
      checkImageSize(
        { width: grid.width * tokenizer.factor, height: grid.height * tokenizer.factor },
        inputs.length,
        choice,
      );
    const bar = startProgress('decoding', inputs.length, 'images', !flags.quiet && inputs.length > 1);
    const images = [];
    for (const [index, codes] of inputs.entries()) {
      images.push(await tokenizer.decode(codes));
      bar.update(index + 1);
    }
    bar.stop();
    await model.dispose();
    const record =
      flags.metadata && choice.format !== 'npz'
        ? await commonRecord('detokenize', this.config.version, model)
        : undefined;
    const notes = record && notesOf(record, 'decoded tokens', choice.encoding);
    const files = await writeImages(images, choice, flags.output, () => notes);
    const line = writtenLine(
      files,
      flags.output,
      images.length === 1 ? 'decoded tokens' : `${images.length} pictures`,
    );
    if (line !== undefined) this.note(flags, line);
    await this.result(flags, { files: files.map(({ path }) => path), images: images.length });
  }
}
