import { type HostTensor, isDeviceTensor, type TargetTensor } from '../targets/target.js';
import { drawTokens } from './drawTokens.js';
import { knownBefore, type Plan, predictedPositions } from './plan.js';
import { type PictureRequest, rowsOf, type SamplingOptions, type StepReport } from './request.js';
import { emptyCaches, type GraphRunner } from './runner.js';

/** One call of a graph with its own inputs; the caches are added. */
export interface CachedPass {
  readonly graph: string;
  readonly inputs: Readonly<Record<string, HostTensor>>;
}

/** What a system does in the loop. */
export interface CachedLoop {
  /** A call before the first step, of which the caches alone are kept. */
  readonly prefill?: CachedPass;
  /**
   * The call of a step; its output `logits` has a query for each position that the step predicts.
   * @param tokens of each picture so far, in raster order, −1 where unknown
   */
  readonly pass: (step: number, tokens: readonly Int32Array[]) => CachedPass | Promise<CachedPass>;
  /** The scale of the guidance of a step, from the shares of tokens to predict that are known before and after it. */
  readonly scale: (step: number, before: number, after: number) => number;
}

const PRESENT = 'present.';

type Caches = Readonly<Record<string, TargetTensor>>;

function releaseCaches(caches: Caches): void {
  for (const tensor of Object.values(caches)) if (isDeviceTensor(tensor)) tensor.dispose();
}

/** The tokens that pictures start with: those given, and −1. */
function initialTokens(pictures: readonly PictureRequest[], positions: number): readonly Int32Array[] {
  return pictures.map(({ known }) => {
    const initial = new Int32Array(positions).fill(-1);
    for (const position of known?.keep ?? []) initial[position] = known!.tokens[position]!;
    return initial;
  });
}

/** What a prefill leaves, in this process's memory: it comes from another executable than the steps'. */
async function prefilled(run: GraphRunner, { graph, inputs }: CachedPass): Promise<Caches> {
  const outputs = Object.entries(await run.run(graph, inputs));
  const caches: Record<string, HostTensor> = {};
  try {
    for (const [name, output] of outputs) {
      if (!name.startsWith(PRESENT)) continue;
      const { dtype, shape, data } = await output.read();
      // What was read may share memory with the tensor that is freed here.
      caches[`past.${name.slice(PRESENT.length)}`] = { dtype, shape, data: data.slice() };
    }
  } finally {
    for (const [, output] of outputs) output.dispose();
  }
  return caches;
}

/**
 * The sampling loop of systems that keep keys and values: each step is one call of a graph that takes the caches
 * `past.*` and gives `present.*` for the next. Whatever is kept is freed at the end, on errors and when the caller stops.
 * @param positions tokens of the whole grid
 * @returns each picture's tokens in raster order
 */
export async function* cachedSteps(
  run: GraphRunner,
  plan: Plan,
  pictures: readonly PictureRequest[],
  positions: number,
  options: SamplingOptions,
  loop: CachedLoop,
): AsyncGenerator<StepReport, readonly Int32Array[]> {
  const tokens = initialTokens(pictures, positions);
  const before = knownBefore(plan);
  const positionsOf = predictedPositions(plan);
  const total = plan.steps.reduce((sum, { predicts }) => sum + predicts, 0);
  const steps = plan.steps.length;
  options.signal?.throwIfAborted();
  let caches: Caches | undefined = loop.prefill && (await prefilled(run, loop.prefill));
  try {
    for (const [step, { predicts }] of plan.steps.entries()) {
      options.signal?.throwIfAborted();
      const { graph, inputs } = await loop.pass(step, tokens);
      const entries = run.caches(graph);
      caches ??= emptyCaches(entries, rowsOf(pictures, options).length);
      const wanted = ['logits', ...entries.map(({ name }) => `present.${name}`)];
      const outputs = await run.run(graph, { ...inputs, ...caches }, wanted);
      releaseCaches(caches);
      caches = Object.fromEntries(entries.map(({ name }) => [`past.${name}`, outputs[`present.${name}`]!]));
      try {
        const logits = await outputs.logits!.read();
        const start = before[step]!;
        const predicted = pictures.map(({ order }) => positionsOf(order, step));
        const scale = loop.scale(step, start / total, (start + predicts) / total);
        drawTokens(logits, pictures, predicted, scale, tokens, options, `step ${step + 1} of ${steps}`);
        yield { step, steps, logits, tokens };
      } finally {
        outputs.logits!.dispose();
      }
    }
  } finally {
    if (caches) releaseCaches(caches);
  }
  return tokens;
}
