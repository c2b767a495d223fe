import { NO_CONDITION, type Condition } from '../../../../src/conditions/condition.js';
import { type MaskedPicture, maskedSteps } from '../../../../src/sampling/maskedSteps/maskedSteps.js';
import type { ChoosingRule, Draw, StepView } from '../../../../src/sampling/maskedSteps/rule.js';
import type { Plan } from '../../../../src/sampling/plan.js';
import { isGuided, rowsOf } from '../../../../src/sampling/request.js';
import type { GraphRunner } from '../../../../src/sampling/runner.js';
import { drawing, type MaskedNetwork, maskedLoop } from '../../../../src/systems/maskGitSampling.js';
import type { DeviceTensor, HostTensor } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { MaskedCase } from './cases.js';

/** What is replayed: a network with its numbers. */
export interface MaskedSubject {
  readonly checklist: Checklist;
  /** The json, for messages. */
  readonly source: string;
  /**
   * Runs the graph `step`: `codes` and `class_ids` → `logits` `[rows, positions, codes]`; the original's also gives
   * `all_logits`, with those of the class before them.
   */
  readonly runner: GraphRunner;
  readonly network: MaskedNetwork & { readonly input_size: number };
}

/** What one picture did in one step. */
export interface PictureStep {
  readonly view: StepView;
  readonly rule: ChoosingRule;
  /** At every position. */
  readonly draws: ReadonlyMap<number, Draw>;
  readonly taken: readonly number[];
}

/** A step of a batch. */
export interface MaskedStep {
  /** The codes that were fed, picture by picture. */
  readonly fed: readonly Int32Array[];
  /** `[rows, positions, codes]`, as they came from the network. */
  readonly logits: HostTensor;
  readonly pictures: readonly PictureStep[];
  /** What was reported: −1 where unknown. */
  readonly shown: readonly Int32Array[];
}

export interface MaskedRun {
  readonly plan: Plan;
  readonly steps: readonly MaskedStep[];
  /** Each picture's at the end. */
  readonly tokens: readonly Int32Array[];
}

/** What a run starts with; noise may look at the logits of the steps so far. */
export interface MaskedStart {
  readonly codes: readonly Int32Array[];
  readonly orders: readonly (readonly number[])[];
  readonly noise: (
    picture: number,
    logits: readonly HostTensor[],
    scale: (step: number) => number,
  ) => MaskedPicture['noise'];
}

/** All positions draw, whatever the rule asks for; what it is given and what it chooses is kept. */
function observed(
  rule: ChoosingRule,
  positions: number,
  onChoice: (own: Omit<PictureStep, 'rule'>) => void,
): ChoosingRule {
  const all = Array.from({ length: positions }, (_, position) => position);
  return {
    ...rule,
    candidates: () => all,
    choose: (live, draws) => {
      // What is known changes with the step.
      const known = new Set(all.filter(live.isKnown));
      const view = { ...live, isKnown: (position: number) => known.has(position) };
      const candidates = rule.candidates(view);
      const asked = new Map(candidates.map((position) => [position, draws.get(position)!]));
      const taken = rule.choose?.(view, asked) ?? candidates;
      onChoice({ view, draws, taken });
      return taken;
    },
  };
}

/** Reads a tensor and frees it. */
async function taken(tensor: DeviceTensor): Promise<HostTensor> {
  const { dtype, shape, data } = await tensor.read();
  const own = { dtype, shape, data: data.slice() };
  tensor.dispose();
  return own;
}

/** Keeps the logits of each call: `all_logits` where a network has them, of positions that the loop does not know. */
function recording(runner: GraphRunner, kept: HostTensor[]): GraphRunner {
  return {
    caches: (graph) => runner.caches(graph),
    run: async (graph, inputs) => {
      const { logits, all_logits } = await runner.run(graph, inputs);
      const own = await taken(logits!);
      kept.push(all_logits ? await taken(all_logits) : own);
      return { logits: { ...own, read: async () => own, dispose: () => {} } };
    },
  };
}

/** Runs the program's loop from a start, and keeps what happens. */
export async function runMasked(
  { runner, network }: MaskedSubject,
  { steps, schedule, labels, options }: MaskedCase,
  start: MaskedStart,
): Promise<MaskedRun> {
  const positions = network.input_size ** 2;
  const grid = { height: network.input_size, width: network.input_size };
  const predicted = start.orders[0]!.length;
  const conditionOf = (label: number): Condition =>
    label === network.nclass ? NO_CONDITION : { kind: 'class', index: label };
  const requests = labels.map((label, index) => ({
    condition: conditionOf(label),
    index,
    order: start.orders[index]!,
  }));
  const guided = isGuided(options);
  const { own } = options;
  const plan = drawing.plan(network, {
    ...{ grid, predicted, known: 0, steps, schedule, own },
    ...{ rows: labels.length * (guided ? 2 : 1), isGuided: guided },
  });
  const loop = maskedLoop(network, rowsOf(requests, options), steps, options, false);
  const logits: HostTensor[] = [];
  const fed: Int32Array[][] = [];
  const choices: PictureStep[] = [];
  const generator = maskedSteps(
    recording(runner, logits),
    plan,
    start.orders.map((order, picture) => ({
      codes: start.codes[picture]!,
      order,
      noise: start.noise(picture, logits, loop.scale),
    })),
    options,
    {
      ...loop,
      rule: observed(loop.rule, positions, (own) => choices.push({ ...own, rule: loop.rule })),
      pass: (codes) => {
        fed.push(codes.map((own) => own.slice()));
        return loop.pass(codes);
      },
    },
  );
  const done: MaskedStep[] = [];
  for (;;) {
    const next = await generator.next();
    if (next.done) return { plan, steps: done, tokens: next.value as readonly Int32Array[] };
    const { step, tokens } = next.value;
    done.push({
      fed: fed[step]!,
      logits: logits[step]!,
      pictures: choices.slice(step * labels.length),
      shown: tokens.map((own) => own.slice() as Int32Array),
    });
  }
}
