import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Args, Flags } from '@oclif/core';
import {
  type Crop,
  cropForTokens,
  CROPS,
  decodeImage,
  flipImage,
  formatTokenLine,
  InputError,
  type RgbImage,
  splitPictures,
  systemReason,
  type Tokenizer,
  UsageError,
} from '../src/index.js';
import { BaseCommand, modelFlags, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { startProgress } from '../src/cli/progress.js';
import { checkOutput, inputName, readInput, STREAM, writeOutput, writeStdout } from '../src/cli/streams.js';

const IMAGE_EXTENSIONS = new Set(['.png', '.jpg', '.jpeg', '.webp']);

export default class Tokenize extends BaseCommand {
  static override summary = 'Turn images into tokens.';
  static override description =
    `Writes one JSON line per image and crop: {"tokens": […], "grid": [rows, columns], "source": …}.
Images are PNG, JPEG or WebP; transparent pixels become white. By default the centre square is resized to the
tokenizer's image size; --crop ten cuts four corners, the centre and their mirror images from a picture 1.1 times as
large; --crop none keeps the picture's own size, trimmed to whole tokens.`;
  static override examples = [
    '<%= config.bin %> tokenize photo.png',
    '<%= config.bin %> tokenize photo.png | <%= config.bin %> detokenize -o reconstruction.png',
    '<%= config.bin %> tokenize photos/ --flip -o tokens.jsonl',
    'cat photo.jpg | <%= config.bin %> tokenize --crop none -',
  ];
  static override strict = false;
  static override args = {
    images: Args.string({
      ignoreStdin: true,
      description: 'image files, folders of them, or - for stdin (the default)',
    }),
  };
  static override flags = {
    ...modelFlags,
    size: Flags.integer({
      description: "height and width to tokenize, in pixels (default: the tokenizer's)",
      min: 1,
    }),
    crop: Flags.string({ description: 'which parts of an image', options: [...CROPS], default: 'center' }),
    flip: Flags.boolean({ description: 'tokenize the mirror image, too' }),
    output: Flags.string({ char: 'o', description: 'file to write, or - for stdout', helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Tokenize);
    requireSeparateOutputs(flags);
    checkOutput(flags.output);
    const paths = (argv.length === 0 ? [STREAM] : (argv as string[])).flatMap(listImages);
    const model = await this.loadModel(flags);
    const { tokenizer } = model;
    const size = flags.size ?? model.tokenizerModel.config.image_size;
    if (size % tokenizer.factor !== 0)
      throw new UsageError(`--size ${size} must be a multiple of ${tokenizer.factor}, one token's pixels`);
    const bar = startProgress('tokenizing', paths.length, 'images', !flags.quiet && paths.length > 1);
    const streams = flags.output === undefined || flags.output === STREAM;
    const lines: string[] = [];
    for (const [index, path] of paths.entries()) {
      for (const { bytes, source } of splitPictures(
        readInput(path),
        inputName(path),
        path === STREAM ? 'refused' : 'ignored',
      )) {
        const image = await decodeImage(bytes, source);
        const own = await tokenLines(tokenizer, image, source, {
          crop: flags.crop as Crop,
          size,
          flip: flags.flip,
        });
        if (streams) writeStdout(own.join(''));
        lines.push(...own);
      }
      bar.update(index + 1);
    }
    bar.stop();
    if (!streams) writeOutput(flags.output, lines.join(''));
    await model.dispose();
    this.result(flags, { images: paths.length, lines: lines.length, output: flags.output });
  }
}

/** A file itself, or the images of a folder by name. */
function listImages(path: string): readonly string[] {
  if (path === STREAM) return [path];
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
  if (!isFolder) return [path];
  const files = readdirSync(path).filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()));
  if (files.length === 0) throw new InputError(`${path}: the folder holds no PNG, JPEG or WebP files`);
  return files.sort().map((name) => join(path, name));
}

async function tokenLines(
  tokenizer: Tokenizer,
  image: RgbImage,
  source: string,
  options: { readonly crop: Crop; readonly size: number; readonly flip: boolean },
): Promise<readonly string[]> {
  const crops = await cropForTokens(image, options.crop, options.size, tokenizer.factor);
  if (crops.some(({ width, height }) => width === 0 || height === 0))
    throw new InputError(`${source}: ${image.width}×${image.height} pixels are smaller than one token`);
  const variants = crops.flatMap((picture, crop) => [
    { picture, crop, flipped: false },
    ...(options.flip ? [{ picture: flipImage(picture), crop, flipped: true }] : []),
  ]);
  const lines: string[] = [];
  for (const { picture, crop, flipped } of variants) {
    const { tokens, grid } = await tokenizer.encode(picture);
    lines.push(
      formatTokenLine({
        tokens: Array.from(tokens),
        grid: [grid.height, grid.width],
        source,
        ...(crops.length > 1 && { crop }),
        ...(flipped && { flipped }),
      }),
    );
  }
  return lines;
}
