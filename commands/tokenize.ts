import { statSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import {
  type Crop,
  cropForTokens,
  CROPS,
  decodeImage,
  flipImage,
  formatTokenLine,
  encodeVectors,
  InputError,
  isVectorArchive,
  lineOfCodes,
  MAX_INPUT_BYTES,
  openPictures,
  parseTokenLines,
  type RgbImage,
  shardRange,
  splitPictures,
  systemReason,
  type TokenLine,
  type Tokenizer,
  UNLABELLED,
  UsageError,
  WHOLE,
} from '../src/index.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { BaseCommand, modelFlags, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { withOwnPart } from '../src/cli/ownShard.js';
import { parseShard, partLine, shardFlag } from '../src/cli/shardFlag.js';
import { startProgress } from '../src/cli/progress.js';
import { checkOutput, inputName, readInput, STREAM, writeOutput, writeStdout } from '../src/cli/streams.js';

/** A picture to tokenize, and what its lines say about it. */
interface Picture {
  readonly about: Pick<TokenLine, 'source' | 'class_id' | 'class'>;
  /** @throws InputError naming the picture. */
  readonly read: () => Promise<RgbImage>;
}

/** What one argument names. */
interface Supply {
  readonly path: string;
  readonly labels: readonly string[];
  readonly count: number;
  readonly notes: readonly string[];
  /** Those from one place to before another. */
  pictures(start: number, end: number): AsyncIterable<Picture>;
}

export default class Tokenize extends BaseCommand {
  static override summary = 'Turn images into tokens.';
  static override description =
    `Writes one JSON line per image and crop: {"tokens": […], "grid": [rows, columns], "source": …}; tokenizers of several
scales name "scales" instead of "grid", those of vectors "vectors", "channels" and "deviations" instead of "tokens".
Images are PNG, JPEG or WebP; transparent pixels become white. By default the centre square is resized to the
tokenizer's image size; --crop ten cuts four corners, the centre and their mirror images from a picture 1.1 times as
large; --crop none keeps the picture's own size, trimmed to whole tokens.
A folder may be one of pictures or whatever arpg train takes: class folders, nested ones too, IDX files or a .npz archive;
then the lines hold class_id, and class where it is called otherwise. A picture that cannot be read is said on stderr
and passed over; the exit code is then 3. Files and stdin may have up to ${MAX_INPUT_BYTES / 2 ** 20} MiB.`;
  static override examples = [
    '<%= config.bin %> tokenize photo.png',
    '<%= config.bin %> tokenize photo.png | <%= config.bin %> detokenize -o reconstruction.png',
    '<%= config.bin %> tokenize photos/ --flip -o tokens.jsonl',
    '<%= config.bin %> tokenize photos/ --shard 2/4 -o tokens-2.jsonl',
    'cat photo.jpg | <%= config.bin %> tokenize --crop none -',
  ];
  static override strict = false;
  static override args = {
    images: Args.string({
      ignoreStdin: true,
      description: 'image files, folders of them, data sets, or - for stdin (the default)',
    }),
  };
  static override flags = {
    ...modelFlags,
    'image-size': Flags.integer({
      description: "height and width to tokenize, in pixels (default: the tokenizer's)",
      min: 1,
    }),
    crop: Flags.string({ description: 'which parts of an image', options: [...CROPS], default: 'center' }),
    flip: Flags.boolean({ description: 'tokenize the mirror image, too' }),
    shard: shardFlag(
      'tokenize a part of the images alone, as i/n: the lines of all parts, one after another, are those of the whole',
    ),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'file to write, or - for stdout; a .npz file gets vectors as an array',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<void> {
    const { argv, flags: given } = await this.parse(Tokenize);
    const flags = withOwnPart(given, argv.length > 0 && !argv.includes(STREAM), (line) =>
      this.note(given, line),
    );
    requireSeparateOutputs(flags);
    checkOutput(flags.output);
    const paths = argv.length === 0 ? [STREAM] : (argv as string[]);
    const shard = parseShard(flags.shard);
    if (shard && paths.includes(STREAM))
      throw new UsageError('--shard tokenizes a part of the images: name files or folders, not stdin');
    const supplies = await Promise.all(paths.map(openSupply));
    requireSameClasses(supplies);
    for (const note of supplies.flatMap(({ notes }) => notes)) this.note(flags, note);
    const model = await this.loadModel(flags);
    const { tokenizer } = model;
    const size = flags['image-size'] ?? model.tokenizer.facts.imageSize;
    if (size % tokenizer.factor !== 0)
      throw new UsageError(
        `--image-size ${size} must be a multiple of ${tokenizer.factor}, one token's pixels`,
      );
    const isArchive = isVectorArchive(flags.output);
    if (isArchive && tokenizer.facts.codes.kind !== 'vectors')
      throw new UsageError(
        `--output ${flags.output}: archives hold vectors, and this tokenizer makes indices; write JSON lines, to a .jsonl file`,
      );
    const all = supplies.reduce((sum, { count }) => sum + count, 0);
    const range = shardRange(all, shard ?? WHOLE);
    const total = range.end - range.start;
    if (shard) this.note(flags, partLine(shard, total, all, 'images'));
    const bar = startProgress('tokenizing', total, 'images', !flags.quiet && total > 1);
    const streams = flags.output === undefined || flags.output === STREAM;
    const failures: InputError[] = [];
    const kept: string[] = [];
    let [lines, images] = [0, 0];
    for (const { supply, start, end } of withinRange(supplies, range)) {
      for await (const { about, read } of supply.pictures(start, end)) {
        images++;
        try {
          const crop = { crop: flags.crop as Crop, size, flip: flags.flip };
          const own = await tokenLines(tokenizer, await read(), about, crop);
          lines += own.length;
          if (streams) await writeStdout(own.join(''));
          else kept.push(...own);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          failures.push(error);
        }
        bar.update(Math.min(images, total));
      }
    }
    bar.stop();
    await model.dispose();
    // A part without images is a file without lines.
    const isDone = lines > 0 || (failures.length === 0 && !isArchive);
    if (isDone && !streams) {
      const text = kept.join('');
      await writeOutput(
        flags.output,
        isArchive ? await encodeVectors(parseTokenLines(text, 'the images')) : text,
      );
      this.noteOutput(flags, `${lines} lines of ${images - failures.length} images`);
    }
    if (isDone) await this.result(flags, { images: images - failures.length, lines, output: flags.output });
    this.reportFailures(flags, failures, images);
  }

  /** @throws InputError when there are any: a single picture's own, else one that counts them. */
  private reportFailures(
    flags: Parameters<BaseCommand['note']>[0],
    failures: readonly InputError[],
    images: number,
  ): void {
    const [first] = failures;
    if (first === undefined) return;
    if (images === 1) throw first;
    for (const { message } of failures) this.note(flags, `skipped ${message}`);
    throw new InputError(
      `${failures.length} of ${images} images could not be read and were skipped, the first: ${first.message}`,
    );
  }
}

/** The pictures that an argument names; they are read one at a time. */
async function openSupply(path: string): Promise<Supply> {
  if (path === STREAM || !(isFolder(path) || /\.npz$/i.test(path)))
    return { path, labels: [], count: 1, notes: [], pictures: () => picturesOfFile(path) };
  const list = await openPictures(path);
  return {
    path,
    labels: list.labels,
    count: list.count,
    notes: list.notes,
    async *pictures(start, end) {
      for (let index = start; index < end; index++) {
        const classId = list.classOf(index);
        const name = list.labels[classId];
        const about = {
          source: list.placeOf(index),
          ...(classId !== UNLABELLED && { class_id: classId }),
          ...(name !== undefined && name !== String(classId) && { class: name }),
        };
        yield { about, read: () => list.read(index) };
      }
    },
  };
}

/** What lies within a range of all supplies' pictures, supply by supply. */
function withinRange(
  supplies: readonly Supply[],
  range: { readonly start: number; readonly end: number },
): readonly { readonly supply: Supply; readonly start: number; readonly end: number }[] {
  let before = 0;
  return supplies.flatMap((supply) => {
    const [start, end] = [range.start, range.end].map((place) =>
      Math.min(Math.max(place - before, 0), supply.count),
    ) as [number, number];
    before += supply.count;
    return start < end ? [{ supply, start, end }] : [];
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
}

async function* picturesOfFile(path: string): AsyncGenerator<Picture> {
  const source = inputName(path);
  try {
    for (const part of splitPictures(await readInput(path), source, path === STREAM ? 'refused' : 'ignored'))
      yield { about: { source: part.source }, read: () => decodeImage(part.bytes, part.source) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    yield { about: { source }, read: () => Promise.reject(error) };
  }
}

/** @throws UsageError when one number would stand for two classes. */
function requireSameClasses(supplies: readonly Supply[]): void {
  const [first, ...others] = supplies.filter(({ labels }) => labels.length > 0);
  const other = others.find(({ labels }) => JSON.stringify(labels) !== JSON.stringify(first?.labels));
  if (other)
    throw new UsageError(
      `${first!.path} and ${other.path} have different classes: tokenize them one at a time`,
    );
}

async function tokenLines(
  tokenizer: Tokenizer,
  image: RgbImage,
  about: Picture['about'],
  options: { readonly crop: Crop; readonly size: number; readonly flip: boolean },
): Promise<readonly string[]> {
  const crops = await cropForTokens(image, options.crop, options.size, tokenizer.factor);
  if (crops.some(({ width, height }) => width === 0 || height === 0))
    throw new InputError(`${about.source}: ${image.width}×${image.height} pixels are smaller than one token`);
  const variants = crops.flatMap((picture, crop) => [
    { picture, crop, flipped: false },
    ...(options.flip ? [{ picture: flipImage(picture), crop, flipped: true }] : []),
  ]);
  const lines: string[] = [];
  for (const { picture, crop, flipped } of variants) {
    lines.push(
      formatTokenLine({
        ...lineOfCodes(await tokenizer.encode(picture)),
        ...about,
        ...(crops.length > 1 && { crop }),
        ...(flipped && { flipped }),
      }),
    );
  }
  return lines;
}
