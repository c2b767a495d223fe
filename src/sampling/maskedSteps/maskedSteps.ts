import type { HostTensor } from '../../targets/target.js';
import { drawScratch } from '../drawScratch.js';
import { rowOf, temperedLogits } from '../drawTokens.js';
import { filterLogits } from '../filter.js';
import { pickToken } from '../pickToken.js';
import type { Plan } from '../plan.js';
import { isGuided, type SamplingOptions, type StepReport } from '../request.js';
import type { GraphRunner } from '../runner.js';
import type { StepNoise } from './noise.js';
import type { ChoosingRule, Draw, StepView } from './rule.js';

/** A picture as the loop takes it. */
export interface MaskedPicture {
  /** The codes that it starts with, in raster order: the mask's where unknown. */
  readonly codes: Int32Array;
  /** The raster positions that the plan's counts go over, in the order to visit them; the unknown are among them. */
  readonly order: readonly number[];
  readonly noise: StepNoise;
}

/** What a system does in the loop. */
export interface MaskedLoop {
  readonly rule: ChoosingRule;
  /** The code of a masked token, which is the one after the last of the tokenizer's. */
  readonly mask: number;
  /**
   * The call of a step; its output `logits` is `[rows, positions, codes]`, with or without a column for the mask.
   * @param codes of each picture, in raster order
   */
  readonly pass: (codes: readonly Int32Array[]) => {
    readonly graph: string;
    readonly inputs: Readonly<Record<string, HostTensor>>;
  };
  /** The scale of the guidance of a step; 1 is the condition alone. */
  readonly scale: (step: number) => number;
  /** What the logits of a step are multiplied by, > 0. */
  readonly sharpness: (step: number) => number;
}

/** A picture while it is drawn. */
interface Canvas {
  readonly codes: Int32Array;
  /** 1 where the code counts as known. */
  readonly known: Uint8Array;
  /** What a report shows. */
  readonly shown: Int32Array;
}

/** Logarithm of the probability of a token under the softmax: exact where it is close to 1. */
function logProbability(logits: Float32Array, token: number): number {
  const own = logits[token]!;
  let others = 0;
  for (let other = 0; other < logits.length; other++)
    if (other !== token) others += Math.exp(logits[other]! - own);
  return -Math.log1p(others);
}

/** The logits of a position of a picture that its token is drawn from. */
function logitsAt(
  logits: HostTensor,
  { picture, pictures, position }: Readonly<Record<'picture' | 'pictures' | 'position', number>>,
  step: number,
  loop: MaskedLoop,
  options: SamplingOptions,
  name: string,
  into: Float32Array,
): Float32Array {
  const columns = (row: number) => {
    const own = rowOf(logits, row, position);
    return loop.rule.drawsMask ? own : own.subarray(0, loop.mask);
  };
  const rows = isGuided(options) ? [picture, picture + pictures] : [picture];
  const { temperature } = options;
  return temperedLogits(
    rows.map(columns),
    loop.scale(step),
    { ...options, temperature: temperature / loop.sharpness(step) },
    name,
    into,
  );
}

/** Writes the draws of the positions that the rule chooses, and what is known now. */
function take(
  { codes, known, shown }: Canvas,
  draws: ReadonlyMap<number, Draw>,
  taken: readonly number[],
  { rule, mask }: MaskedLoop,
): void {
  const isShown = Uint8Array.from(known);
  for (const position of taken) {
    const { code } = draws.get(position)!;
    codes[position] = code;
    known[position] = rule.forgetsMasks && code === mask ? 0 : 1;
    isShown[position] = 1;
  }
  for (const [position, code] of codes.entries())
    shown[position] = isShown[position] ? Math.min(code, mask - 1) : -1;
}

/** One step of one picture: what is drawn, and which of it is taken. @param at which of how many pictures */
function drawStep(
  canvas: Canvas,
  view: StepView,
  logits: HostTensor,
  at: Readonly<Record<'picture' | 'pictures', number>>,
  options: SamplingOptions,
  loop: MaskedLoop,
): void {
  const { rule } = loop;
  const { step, steps, noise } = view;
  const { tempered, filter, race } = drawScratch(rule.drawsMask ? logits.shape[2]! : loop.mask);
  const candidates = rule.candidates(view);
  const draws = new Map(
    candidates.map((position): [number, Draw] => {
      const own = logitsAt(
        logits,
        { ...at, position },
        step,
        loop,
        options,
        `step ${step + 1} of ${steps}`,
        tempered,
      );
      const code = pickToken(filterLogits(own, options, filter), noise.race(step, position), race);
      // Where nothing is chosen, nobody asks for it.
      return [position, { code, logProbability: rule.choose ? logProbability(own, code) : 0 }];
    }),
  );
  take(canvas, draws, rule.choose?.(view, draws) ?? candidates, loop);
}

/**
 * The sampling loop of systems that see a whole picture with some of its tokens masked: each step is one call of a graph
 * that predicts all tokens; then a rule chooses which take what is drawn. Tokens that are drawn as masked become the
 * last code of the tokenizer at the end. What a call leaves is freed on success, on errors and when the caller stops.
 * @param plan its counts go over the orders of the pictures, which are equally long
 * @returns each picture's tokens in raster order
 */
export async function* maskedSteps(
  run: GraphRunner,
  plan: Plan,
  pictures: readonly MaskedPicture[],
  options: SamplingOptions,
  loop: MaskedLoop,
): AsyncGenerator<StepReport, readonly Int32Array[]> {
  const { mask } = loop;
  const canvases = pictures.map(
    ({ codes }): Canvas => ({
      codes: codes.slice(),
      known: Uint8Array.from(codes, (code) => (code === mask ? 0 : 1)),
      shown: new Int32Array(codes.length),
    }),
  );
  const steps = plan.steps.length;
  let after = 0;
  for (const [step, { predicts }] of plan.steps.entries()) {
    options.signal?.throwIfAborted();
    after += predicts;
    const { graph, inputs } = loop.pass(canvases.map(({ codes }) => codes));
    const outputs = await run.run(graph, inputs, ['logits']);
    try {
      const logits = await outputs.logits!.read();
      for (const [picture, { order, noise }] of pictures.entries()) {
        const canvas = canvases[picture]!;
        const isKnown = (position: number) => canvas.known[position] === 1;
        const view: StepView = { step, steps, order, after, isKnown, noise };
        drawStep(canvas, view, logits, { picture, pictures: pictures.length }, options, loop);
      }
      yield { step, steps, logits, tokens: canvases.map(({ shown }) => shown) };
    } finally {
      outputs.logits!.dispose();
    }
  }
  return canvases.map(({ codes }) => codes.map((code) => Math.min(code, mask - 1)));
}
