import { type ArpgConfig, arpgPrefill, arpgStep, cacheNames, embeddingRows } from '../../graphs/arpg.js';
import { CLASS_ROTARY_INDEX, type Grid, type RopeScaling } from '../../graphs/rotary.js';
import { UsageError } from '../errors.js';
import { GraphError } from '../graph/graphError.js';
import type { Weights } from '../graph/weights.js';
import {
  type Executable,
  floatTensor,
  type HostTensor,
  intTensor,
  type Target,
  type TargetTensor,
} from '../targets/target.js';
import { areFinite, requireFinite } from '../targets/finite.js';
import { type FilterOptions, filterLogits } from './filter.js';
import { guidanceScale, type GuidanceSchedule, guide } from './guidance.js';
import type { SamplingPlan, SamplingStep } from './plan.js';
import { pickToken } from './pickToken.js';
import { tokenWords } from '../random/draws.js';

/** One image of a batch. */
export interface SampledImage {
  /** Class index; null samples without a class. */
  readonly classId: number | null;
  /** Number of the image under its seed; its random numbers depend on nothing else. */
  readonly index: number;
  readonly plan: SamplingPlan;
  /** Tokens of the positions that the plan takes as known, by raster position. */
  readonly knownTokens?: ReadonlyMap<number, number>;
  /** Whether a part of a picture is drawn anew, with random numbers other than those of new pictures (default false). */
  readonly isRedrawn?: boolean;
}

export interface SamplingOptions extends FilterOptions {
  readonly seed: number;
  /** Classifier-free guidance; 1 is none and halves the work. */
  readonly guidance: number;
  readonly guidanceSchedule: GuidanceSchedule;
  /** Divides the logits; small values come close to always taking the most likely token. */
  readonly temperature: number;
  /** Ends sampling before the next step, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is known after a step. */
export interface StepReport {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  /** `[rows, queries, vocabulary]` before guidance: the images with their class, then, if guided, with the null class. */
  readonly logits: HostTensor;
  /** Each image's tokens in raster order so far, −1 where unknown. */
  readonly tokens: readonly Int32Array[];
}

/** A generator ready to sample. */
export interface Sampler {
  readonly config: ArpgConfig;
  readonly grid: Grid;
  /**
   * Samples a batch of images whose plans have the same numbers of tokens in each step.
   * @returns each image's tokens in raster order
   */
  sample(
    images: readonly SampledImage[],
    options: SamplingOptions,
    onStep?: (report: StepReport) => void,
  ): Promise<readonly Int32Array[]>;
  dispose(): Promise<void>;
}

const MIN_TEMPERATURE = 1e-5;

/**
 * Compiles a generator for sampling on a target.
 * @param grid the token grid to sample, by default the trained one
 * @param ropeScaling how positions of another grid than the trained one are turned
 */
export async function createSampler(
  config: ArpgConfig,
  weights: Weights,
  target: Target,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
): Promise<Sampler> {
  const executable = await target.compile(arpgStep(config, grid, ropeScaling), { weights });
  let prefill: Promise<Executable> | undefined;
  const preparePrefill = () => {
    prefill ??= target.compile(arpgPrefill(config, grid, ropeScaling), { weights });
    return prefill;
  };
  return {
    config,
    grid,
    sample: (images, options, onStep) =>
      sampleBatch(executable, { config, grid, preparePrefill }, images, options, onStep),
    async dispose() {
      await Promise.all([executable.dispose(), prefill?.then((own) => own.dispose())]);
    },
  };
}

/** What sampling knows of its network. */
interface SamplingNetwork {
  readonly config: ArpgConfig;
  readonly grid: Grid;
  /** The network's prefill graph, for plans that start with known tokens. */
  readonly preparePrefill?: () => Promise<Pick<Executable, 'run'>>;
}

function requireEqualSteps(images: readonly SampledImage[]): readonly SamplingStep[] {
  const [first, ...others] = images.map(({ plan }) => plan.steps);
  const sizes = (steps: readonly SamplingStep[]) =>
    steps.map(({ feed, predict }) => [feed.length, predict.length]).join();
  if (!first || others.some((steps) => sizes(steps) !== sizes(first)))
    throw new GraphError('the images of a batch must have plans of the same sizes');
  return first;
}

/** Samples a batch with an executable of the step graph; `Sampler.sample` says how. */
export async function sampleBatch(
  executable: Pick<Executable, 'run'>,
  { config, grid, preparePrefill }: SamplingNetwork,
  images: readonly SampledImage[],
  options: SamplingOptions,
  onStep?: (report: StepReport) => void,
): Promise<readonly Int32Array[]> {
  const steps = requireEqualSteps(images);
  const positions = grid.height * grid.width;
  const guided = options.guidance !== 1;
  // With guidance every image has a second row that differs by its class token alone.
  const rows = guided ? [...images, ...images.map((image) => ({ ...image, classId: null }))] : images;
  const tokens = images.map(({ knownTokens }) => {
    const initial = new Int32Array(positions).fill(-1);
    for (const [position, token] of knownTokens ?? []) initial[position] = token;
    return initial;
  });
  const total = steps.reduce((sum, { predict }) => sum + predict.length, 0);
  const names = cacheNames(config);
  const empty = floatTensor([rows.length, config.heads, 0, config.dim / config.heads], []);
  let cache: Readonly<Record<string, TargetTensor>> = Object.fromEntries(
    names.map(({ past }) => [past, empty]),
  );
  const prefills = steps[0]!.feed.length > 0;
  if (prefills) {
    if (!preparePrefill) throw new GraphError('known tokens need a prefill graph');
    cache = await runPrefill(await preparePrefill(), prefillContent(rows, tokens, config), config);
  }
  let done = 0;
  try {
    for (const [step, { predict }] of steps.entries()) {
      options.signal?.throwIfAborted();
      const inputs = { ...stepInputs(rows, tokens, step, config), ...cache };
      const outputs = await executable.run(inputs, ['logits', ...names.map(({ present }) => present)]);
      releaseCache(cache);
      cache = Object.fromEntries(names.map(({ past, present }) => [past, outputs[present]!]));
      const logits = await outputs.logits!.read();
      done += predict.length;
      const scale = guidanceScale(options.guidance, options.guidanceSchedule, done / total);
      for (const [image, { plan, index, isRedrawn = false }] of images.entries()) {
        const purpose = isRedrawn ? 'redrawnToken' : 'token';
        for (const [query, position] of plan.steps[step]!.predict.entries()) {
          const row = (which: number) => rowOf(logits, which, query);
          const pair = guided ? [row(image), row(image + images.length)] : [row(image)];
          const tempered = temperedLogits(pair, scale, options, `step ${step + 1} of ${steps.length}`);
          tokens[image]![position] = pickToken(
            filterLogits(tempered, options),
            tokenWords(options.seed, index, position, purpose),
          );
        }
      }
      onStep?.({ step, steps: steps.length, logits, tokens });
      outputs.logits!.dispose();
    }
  } finally {
    releaseCache(cache);
  }
  return tokens;
}

function releaseCache(cache: Readonly<Record<string, TargetTensor>>): void {
  for (const tensor of Object.values(cache)) if ('dispose' in tensor) tensor.dispose();
}

/**
 * The logits that a token is drawn from: guided where there are two rows, and divided by the temperature.
 * @param rows `[vocabulary]` each: with the class, and without
 * @throws InputError naming the step when the network gives no finite numbers, UsageError when the settings make them
 *   overflow.
 */
function temperedLogits(
  [conditional, unconditional]: readonly Float32Array[],
  scale: number,
  { guidance, temperature }: SamplingOptions,
  step: string,
): Float32Array {
  const divisor = Math.max(temperature, MIN_TEMPERATURE);
  const own = unconditional ? guide(conditional!, unconditional, scale) : conditional!;
  const tempered = own.map((logit) => logit / divisor);
  if (areFinite(tempered)) return tempered;
  for (const row of [conditional!, ...(unconditional ? [unconditional] : [])])
    requireFinite(row, `${step}: the logits`);
  throw new UsageError(
    `${step}: guidance ${guidance} at temperature ${temperature} makes the logits overflow; lower the guidance or raise the temperature`,
  );
}

/** Logits of one query of one row: `[vocabulary]`. */
function rowOf({ shape, data }: HostTensor, row: number, query: number): Float32Array {
  const [, queries, vocabulary] = shape as [number, number, number];
  const start = (row * queries + query) * vocabulary;
  return (data as Float32Array).subarray(start, start + vocabulary);
}

/** A token's row in the embedding table and its place in the RoPE table. */
interface Content {
  readonly id: number;
  readonly place: number;
}

/** Each row's class token, then the tokens known before a step. */
function contentOf(
  rows: readonly SampledImage[],
  tokens: readonly Int32Array[],
  step: number,
  config: ArpgConfig,
): readonly (readonly Content[])[] {
  return rows.map(({ classId, plan }, row) => {
    const known = plan.steps[step]!.feed.map((position) => ({
      id: tokens[row % tokens.length]![position]!,
      place: position + 1,
    }));
    const label =
      classId === null ? embeddingRows.nullClass(config) : embeddingRows.classLabel(config, classId);
    return step === 0 ? [{ id: label, place: CLASS_ROTARY_INDEX }, ...known] : known;
  });
}

function table(rows: readonly (readonly number[])[]): HostTensor {
  return intTensor([rows.length, rows[0]!.length], rows.flat());
}

function contentInputs(content: readonly (readonly Content[])[]) {
  return {
    content_ids: table(content.map((row) => row.map(({ id }) => id))),
    content_positions: table(content.map((row) => row.map(({ place }) => place))),
  };
}

/** All but the last known token, which the first step feeds. */
function prefillContent(rows: readonly SampledImage[], tokens: readonly Int32Array[], config: ArpgConfig) {
  return contentInputs(contentOf(rows, tokens, 0, config).map((row) => row.slice(0, -1)));
}

/** The cache that known tokens leave, in this process's memory: it comes from another executable than the steps'. */
async function runPrefill(
  executable: Pick<Executable, 'run'>,
  inputs: Readonly<Record<string, HostTensor>>,
  config: ArpgConfig,
): Promise<Readonly<Record<string, HostTensor>>> {
  const outputs = await executable.run(inputs);
  const cache: Record<string, HostTensor> = {};
  for (const { past, present } of cacheNames(config)) {
    const { dtype, shape, data } = await outputs[present]!.read();
    // What was read may share memory with the tensor that is freed here.
    cache[past] = { dtype, shape, data: data.slice() };
    outputs[present]!.dispose();
  }
  return cache;
}

function stepInputs(
  rows: readonly SampledImage[],
  tokens: readonly Int32Array[],
  step: number,
  config: ArpgConfig,
): Readonly<Record<string, HostTensor>> {
  const content = contentOf(rows, tokens, step, config);
  // Before the first step, all but its last token were prefilled.
  const fed = step === 0 ? content.map((row) => row.slice(-1)) : content;
  const queries = rows.map(({ plan }) => plan.steps[step]!.predict.map((position) => position + 1));
  return { ...contentInputs(fed), query_positions: table(queries) };
}
