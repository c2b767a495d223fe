import { type ArpgConfig, arpgStep, cacheNames, embeddingRows } from '../../graphs/arpg.js';
import { CLASS_ROTARY_INDEX, type Grid, type RopeScaling } from '../../graphs/rotary.js';
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
import { type FilterOptions, filterLogits } from './filter.js';
import { guidanceScale, type GuidanceSchedule, guide } from './guidance.js';
import type { SamplingPlan, SamplingStep } from './plan.js';
import { pickToken } from './pickToken.js';
import { tokenWords } from './random.js';

/** One image of a batch. */
export interface SampledImage {
  /** Class index; null samples without a class. */
  readonly classId: number | null;
  /** Number of the image under its seed; its random numbers depend on nothing else. */
  readonly index: number;
  readonly plan: SamplingPlan;
  /** Tokens of the positions that the plan takes as known, by raster position. */
  readonly knownTokens?: ReadonlyMap<number, number>;
}

export interface SamplingOptions extends FilterOptions {
  readonly seed: number;
  /** Classifier-free guidance; 1 is none and halves the work. */
  readonly guidance: number;
  readonly guidanceSchedule: GuidanceSchedule;
  /** Divides the logits; small values come close to always taking the most likely token. */
  readonly temperature: number;
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
  return {
    config,
    grid,
    sample: (images, options, onStep) => sampleBatch(executable, { config, grid }, images, options, onStep),
    dispose: () => executable.dispose(),
  };
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
  { config, grid }: { readonly config: ArpgConfig; readonly grid: Grid },
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
  let done = 0;
  for (const [step, { predict }] of steps.entries()) {
    const inputs = { ...stepInputs(rows, tokens, step, config), ...cache };
    const outputs = await executable.run(inputs, ['logits', ...names.map(({ present }) => present)]);
    for (const tensor of Object.values(cache)) if ('dispose' in tensor) tensor.dispose();
    cache = Object.fromEntries(names.map(({ past, present }) => [past, outputs[present]!]));
    const logits = await outputs.logits!.read();
    done += predict.length;
    const scale = guidanceScale(options.guidance, options.guidanceSchedule, done / total);
    for (const [image, { plan, index }] of images.entries()) {
      for (const [query, position] of plan.steps[step]!.predict.entries()) {
        const row = (which: number) => rowOf(logits, which, query);
        const own = guided ? guide(row(image), row(image + images.length), scale) : row(image);
        const tempered = own.map((logit) => logit / Math.max(options.temperature, MIN_TEMPERATURE));
        tokens[image]![position] = pickToken(
          filterLogits(tempered, options),
          tokenWords(options.seed, index, position),
        );
      }
    }
    onStep?.({ step, steps: steps.length, logits, tokens });
    outputs.logits!.dispose();
  }
  for (const tensor of Object.values(cache)) if ('dispose' in tensor) tensor.dispose();
  return tokens;
}

/** Logits of one query of one row: `[vocabulary]`. */
function rowOf({ shape, data }: HostTensor, row: number, query: number): Float32Array {
  const [, queries, vocabulary] = shape as [number, number, number];
  const start = (row * queries + query) * vocabulary;
  return (data as Float32Array).subarray(start, start + vocabulary);
}

function stepInputs(
  rows: readonly SampledImage[],
  tokens: readonly Int32Array[],
  step: number,
  config: ArpgConfig,
): Readonly<Record<string, HostTensor>> {
  const content = rows.map(({ classId, plan }, row) => {
    const known = plan.steps[step]!.feed.map((position) => ({
      id: tokens[row % tokens.length]![position]!,
      place: position + 1,
    }));
    const label =
      classId === null ? embeddingRows.nullClass(config) : embeddingRows.classLabel(config, classId);
    return step === 0 ? [{ id: label, place: CLASS_ROTARY_INDEX }, ...known] : known;
  });
  const queries = rows.map(({ plan }) => plan.steps[step]!.predict.map((position) => position + 1));
  const tensor = (values: readonly (readonly number[])[]) =>
    intTensor([rows.length, values[0]!.length], values.flat());
  return {
    content_ids: tensor(content.map((row) => row.map(({ id }) => id))),
    content_positions: tensor(content.map((row) => row.map(({ place }) => place))),
    query_positions: tensor(queries),
  };
}
