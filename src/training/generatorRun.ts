import { type Codes, codesLength, codesOf, formOf, tokenCount, type TokenGrid } from '../codes.js';
import { classCondition } from '../conditions/condition.js';
import type { System, SystemFacts, TrainingExample } from '../systems/system.js';
import { uniformFor } from '../random/draws.js';
import { augmentImage, NO_AUGMENTATION } from './augment.js';
import { flipImage, type RgbImage } from '../data/image.js';
import type { PictureList } from '../data/pictureList.js';
import { tokenRoom } from '../data/tokenData.js';
import { requireCodes, requireForm, type TokenSet } from '../data/tokenSource.js';
import { InputError } from '../errors.js';
import { wordHalves } from '../random/philox.js';
import { type Graph, inputNode } from '../graph/graph.js';
import { intTensor } from '../targets/target.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { dataOrder } from './dataOrder.js';
import { heldOutBatches, splitExamples } from './heldOut.js';
import { requireBatchSettings, requireShares } from './requireSettings.js';
import { forRowsFrom } from './rowShare.js';
import { WHOLE } from './sharedRun.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';
import { trainedParameters } from './stepNames.js';

/** Images encoded together. */
const ENCODE_BATCH = 64;
/** Tokens of a data set, all of which are held in memory. */
const MAX_TOKENS = 2 ** 31;

/** The tokens of a source's images, and the files that could not be read, each with the reason. */
export interface EncodedSource {
  readonly tokens: TokenSet;
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * Tokens of all images of a source that can be read; no other stands in for one that cannot, since it would be of
 * another class.
 * @param flip adds the mirrored image's tokens as a second variant
 * @throws InputError when none can be read.
 */
export async function encodeSource(
  source: PictureList,
  tokenizer: Tokenizer,
  flip: boolean,
  onProgress: (done: number) => void = () => {},
): Promise<EncodedSource> {
  const { imageSize, codes } = tokenizer.facts;
  const side = imageSize / tokenizer.factor;
  const grid = { height: side, width: side };
  const positions = tokenCount(codes, grid);
  const length = codesLength(codes, grid);
  const variants = flip ? 2 : 1;
  const total = source.count * variants * length;
  if (total > MAX_TOKENS)
    throw new InputError(
      `${source.count} images make ${total} tokens, more than ${MAX_TOKENS}; use fewer images`,
    );
  const form = formOf(codes);
  const tokens = tokenRoom(form, total);
  let deviations: Float32Array | undefined;
  const classIds: number[] = [];
  const failures = new Map<string, string>();
  for (let start = 0; start < source.count; start += ENCODE_BATCH) {
    const count = Math.min(ENCODE_BATCH, source.count - start);
    const loaded = await Promise.all(
      Array.from({ length: count }, async (_, offset) => {
        const index = start + offset;
        const image = await readOrExplain(source, index, failures);
        return image && { index, image: await augmentImage(image, imageSize, NO_AUGMENTATION, 0, 0) };
      }),
    );
    const images = loaded.filter((entry) => entry !== undefined);
    const pictures = images.flatMap(({ image }) => (flip ? [image, flipImage(image)] : [image]));
    const encoded = pictures.length === 0 ? [] : await tokenizer.encodeMany(pictures);
    for (const [place, own] of encoded.entries()) {
      const start = (classIds.length * variants + place) * length;
      tokens.set(own.tokens, start);
      if (own.kind !== 'vectors' || !own.deviations) continue;
      deviations ??= new Float32Array(total);
      deviations.set(own.deviations, start);
    }
    classIds.push(...images.map(({ index }) => source.classOf(index)));
    onProgress(start + count);
  }
  if (classIds.length === 0)
    throw new InputError(`none of the images can be read: ${[...failures.values()][0]}`);
  const found = classIds.length * variants * length;
  return {
    tokens: {
      ...{ classIds: Int32Array.from(classIds), form, variants, positions },
      tokens: tokens.subarray(0, found),
      ...(deviations && { deviations: deviations.subarray(0, found) }),
    },
    failures,
  };
}

async function readOrExplain(
  source: PictureList,
  index: number,
  failures: Map<string, string>,
): Promise<RgbImage | undefined> {
  try {
    return await source.read(index);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    failures.set(source.placeOf(index), error.message);
    return undefined;
  }
}

export interface GeneratorRunOptions {
  readonly system: System;
  readonly config: object;
  readonly batchSize: number;
  readonly heldOutShare: number;
  /** Probability that an image is trained with the null class, for guidance. */
  readonly labelDropout: number;
  /** Share of elements dropped in the network. */
  readonly dropout: number;
  /** Share of images of which every token is predicted from the class alone, 0 to 1. */
  readonly classAlone: number;
  /** Parts that each batch is worked on in. */
  readonly parts: number;
  readonly recompute: boolean;
  readonly settings: Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'>;
}

/** The input that fixes which elements are dropped. */
const DROPOUT_KEY = 'dropout_key';

/** Validation draws its permutations as from a step that training never reaches. */
const VALIDATION_STEP = 2 ** 24;

/**
 * Refuses tokens that are not those of square pictures, which are all that a generator draws.
 * @param source what messages call them
 * @throws InputError naming the grid.
 */
export function requireSquareGrid({ grid, positions, form }: TokenSet, source: string): void {
  if (form.kind === 'scales') return;
  if (grid && grid.height !== grid.width)
    throw new InputError(
      `${source}: a grid of ${grid.height}×${grid.width} tokens; generators are trained on square grids, as of square pictures`,
    );
  if (!Number.isInteger(Math.sqrt(positions)))
    throw new InputError(
      `${source}: ${positions} tokens an image fill no square grid; a generator needs one`,
    );
}

/** The grid of square pictures' tokens, the finest of several. */
export function squareOf({ positions, form }: Pick<TokenSet, 'positions' | 'form'>): TokenGrid {
  const side = form.kind === 'scales' ? form.sides.at(-1)! : Math.sqrt(positions);
  return { height: side, width: side };
}

/**
 * Refuses tokens of other sizes than a generator's.
 * @param source what messages call them
 * @throws InputError naming what does not fit.
 */
export function requireTokensOf(
  { grid, classes, codes }: SystemFacts,
  tokens: TokenSet,
  source: string,
): void {
  requireForm(tokens.form, codes, source);
  requireSquareGrid(tokens, source);
  const positions = tokenCount(codes, grid);
  if (tokens.positions !== positions)
    throw new InputError(`${source}: ${tokens.positions} tokens an image where the run has ${positions}`);
  requireCodes(tokens.tokens, codes, source);
  const classId = tokens.classIds.find((own) => own < 0 || own >= classes);
  if (classId !== undefined)
    throw new InputError(`${source}: class ${classId} where the run has ${classes} classes`);
}

/** The parameters of a training graph that are the tokenizer's, which training leaves as they are. */
function ofTokenizer({ checkpoint }: System, graph: Graph): ReadonlySet<string> {
  const names = trainedParameters(graph).map(({ name }) => name);
  return new Set(names.filter((name) => checkpoint.ofTokenizer?.test(name)));
}

/** The codes of each variant of each image of a set. */
function codesIn(
  { tokens, deviations, variants }: TokenSet,
  { codes, grid }: SystemFacts,
): (example: number, variant: number) => Codes {
  const length = codesLength(codes, grid);
  return (example, variant) => {
    const start = (example * variants + variant) * length;
    return {
      ...codesOf(codes, grid, tokens.subarray(start, start + length)),
      ...(deviations && { deviations: deviations.subarray(start, start + length) }),
    };
  };
}

/**
 * What the training loop needs to train a generator on tokens.
 * @throws InputError when the tokens are of other sizes than the generator's, UsageError for settings out of range.
 */
export function generatorTraining(data: TokenSet, options: GeneratorRunOptions): TrainingSettings {
  const { system, config, batchSize, labelDropout, dropout, classAlone, parts, settings } = options;
  requireBatchSettings(options);
  requireShares({ labelDropout, dropout });
  requireTokensOf(system.config.facts(config), data, 'the tokens');
  const { seed } = settings;
  const { rank, size: ranks } = settings.peers ?? WHOLE;
  const partSize = batchSize / parts;
  const share = { size: partSize / ranks, start: (rank * partSize) / ranks };
  const { training, heldOut } = splitExamples(data.classIds.length, options.heldOutShare, seed, data);
  const order = dataOrder(training.length, batchSize, seed);
  const codesAt = codesIn(data, system.config.facts(config));
  const taught = system.training(config, { dropout, classAlone });
  const judged = system.training(config);
  const takesKey = taught.graph.inputs.some((tensor) => inputNode(tensor).name === DROPOUT_KEY);
  /**
   * @param firstDraw numbers the images over the whole run; all that is random about an image depends on its number
   * @param firstRow images of the batch before these
   */
  const assemble = (
    examples: readonly number[],
    firstDraw: number,
    firstRow: number,
    isTraining: boolean,
  ): Batch => {
    const chosen = examples.map((example, row): TrainingExample => {
      const draw = firstDraw + firstRow + row;
      const variant = isTraining ? Math.floor(uniformFor(seed, draw, 0, 'variant') * data.variants) : 0;
      const isNull = isTraining && uniformFor(seed, draw, 0, 'label') < labelDropout;
      const condition = classCondition(isNull ? null : data.classIds[example]!);
      return { codes: codesAt(example, variant), condition, draw };
    });
    return {
      ...(isTraining ? taught : judged).batch(chosen, seed, firstDraw),
      ...(isTraining && takesKey && { [DROPOUT_KEY]: intTensor([4], wordHalves([seed, firstDraw])) }),
    };
  };
  return {
    ...settings,
    lossGraph: forRowsFrom(taught.graph, share.start),
    validationGraph: judged.graph,
    step: {
      ...{ parts, recompute: options.recompute, frozen: ofTokenizer(system, taught.graph) },
      ...(taught.varying && { varying: new Set(taught.varying) }),
    },
    batch: async (step) => {
      const examples = order.batch(step).map((example) => training[example]!);
      return Array.from({ length: parts }, (_, part) => {
        const first = part * partSize;
        const own = examples.slice(first + share.start, first + share.start + share.size);
        return assemble(own, step * batchSize + first, share.start, true);
      });
    },
    validation: heldOutBatches(heldOut, batchSize).map((examples, index) =>
      assemble(examples, (VALIDATION_STEP + index) * batchSize, 0, false),
    ),
  };
}
