import { NO_CONDITION } from '../../../src/conditions/condition.js';
import { InputError } from '../../../src/errors.js';
import { guide } from './guide.js';
import { knownBefore, type Plan } from '../../../src/sampling/plan.js';
import { isGuided, type PictureRequest, type SamplingOptions } from '../../../src/sampling/request.js';
import { createGraphRunner, type GraphRunner, type GraphRunnerHolder } from '../../../src/sampling/runner.js';
import type { StepOptions } from '../../../src/sampling/sampler.js';
import { sampleBatch } from '../../../src/systems/sampleBatch.js';
import { filledSettings } from '../../../src/systems/settings.js';
import { floatTensor, type HostTensor } from '../../../src/targets/target.js';
import {
  compareFurther,
  compareList,
  compareLogits,
  compareStored,
  compareTokens,
} from './caseComparisons.js';
import { type GenerationCase, parseCase } from './generationCase.js';
import { recordingRunner } from './recordingRunner.js';
import { conditionOf } from './replayTraining.js';
import type { GeneratorSubject } from './subject.js';

/** One way to sample a case. */
interface Run {
  readonly runner: GraphRunner;
  readonly pictures: readonly PictureRequest[];
  readonly guidance: Pick<SamplingOptions, 'guidance' | 'guidanceSchedule'>;
  /** Names of further outputs to keep. */
  readonly names?: readonly string[];
  /** Makes of a step's logits what the tokens are drawn from. */
  readonly change?: (logits: HostTensor, step: number) => HostTensor;
}

/** What runs the graphs of all cases. */
interface Runners {
  /** The program's. */
  readonly own: GraphRunnerHolder;
  /** With what goes on in all that is fed. */
  readonly full: GraphRunnerHolder;
  /** Outputs of those that the program's do not have. */
  readonly names: readonly string[];
}

/** What sampling gave. */
interface Sampled {
  /** `[rows, positions, vocabulary]`, pass by pass. */
  readonly logits: readonly HostTensor[];
  /** Further outputs by name, pass by pass. */
  readonly further: ReadonlyMap<string, readonly HostTensor[]>;
  /** In raster order. */
  readonly tokens: readonly Int32Array[];
}

/** How a case goes. */
interface Setting {
  readonly options: StepOptions & Omit<SamplingOptions, 'guidance' | 'guidanceSchedule'>;
  readonly order: readonly number[];
  readonly plan: Plan;
}

function settingOf(subject: GeneratorSubject, own: GenerationCase): Setting {
  const { system, config } = subject;
  const { grid } = system.config.facts(config);
  const order = orderOf(subject, own.id);
  const settings = filledSettings(system.settings);
  const usual = system.defaults(config, grid, settings);
  const steps = own.steps ?? usual.steps;
  const schedule = own.sample_schedule ?? usual.schedule;
  const rows = 2 * own.class_labels.length;
  return {
    options: {
      ...{ steps, schedule, seed: 0, temperature: own.temperature, topK: own.top_k, topP: own.top_p },
      ...(own.interval !== undefined && { own: { guidanceInterval: own.interval } }),
    },
    order,
    plan: system.plan(config, {
      grid,
      predicted: order.length,
      known: 0,
      steps,
      schedule,
      own: settings,
      rows,
      isGuided: true,
    }),
  };
}

async function sample(
  { system, config }: GeneratorSubject,
  { options, plan }: Setting,
  run: Run,
): Promise<Sampled> {
  const recording = recordingRunner(run.runner, plan, run.names, run.change);
  const { grid } = system.config.facts(config);
  const all = { ...options, ...run.guidance };
  const tokens = await sampleBatch(recording, { drawing: system, config, grid }, run.pictures, all);
  return { logits: recording.logits, further: recording.further, tokens: tokens as readonly Int32Array[] };
}

/**
 * Lets a batch of pictures, then of their doubles without a condition, all draw from what guidance makes of both: so the
 * doubles are fed what the pictures are fed.
 */
function guideTogether(scales: readonly number[]): NonNullable<Run['change']> {
  return ({ shape, data }, step) => {
    const half = data.length / 2;
    const values = data as Float32Array;
    const [own, doubles] = [values.subarray(0, half), values.subarray(half)];
    const guided = scales[step] === 1 ? own : guide(own, doubles, scales[step]!);
    const both = new Float32Array(data.length);
    both.set(guided);
    both.set(guided, half);
    return floatTensor(shape, both);
  };
}

/** Which steps are guided. */
function guidedSteps(
  { extras, config }: GeneratorSubject,
  { interval }: GenerationCase,
  plan: Plan,
): readonly boolean[] {
  return extras.guidedSteps?.(config, plan, interval) ?? plan.steps.map(() => true);
}

/** The scale of each step. */
function scalesOf({ guidance }: GenerationCase, plan: Plan, guided: readonly boolean[]): readonly number[] {
  const before = knownBefore(plan);
  const total = plan.steps.reduce((sum, { predicts }) => sum + predicts, 0);
  return plan.steps.map(({ predicts }, step) =>
    guided[step] ? guidance.scale(before[step]! / total, (before[step]! + predicts) / total) : 1,
  );
}

/** Whether a set has rows without a condition, as the official code may have them even where nothing is mixed. */
function hasNullRows({ checklist }: GeneratorSubject, { id, class_labels }: GenerationCase): boolean {
  const [first] = checklist.asked(new RegExp(`^generate\\.${id}\\.raw_logits(\\.\\d+)?$`));
  return first === undefined || first.shape[0] === 2 * class_labels.length;
}

/** The order of a case: the set's, or that of a system that has one of its own. */
function orderOf({ system, config, checklist, source }: GeneratorSubject, id: number): readonly number[] {
  const key = `generate.${id}.order`;
  const { grid } = system.config.facts(config);
  const draw = { seed: 0, index: 0, purpose: 'order' } as const;
  const fixed = system.ownOrder?.(config, grid, draw, filledSettings(system.settings));
  if (fixed && !checklist.has(key)) return fixed;
  const order = Array.from(checklist.feed(key).data);
  const isPermutation = [...order].sort((a, b) => a - b).every((position, at) => position === at);
  if (!isPermutation || order.length !== grid.height * grid.width)
    throw new InputError(`${source}: '${key}' does not hold each position of the grid once`);
  return order;
}

/** What the program leaves out or cannot be told to do: null rows at scale 1, scales of other kinds, a look inside. */
function fullRun(
  subject: GeneratorSubject,
  { full, names }: Runners,
  own: GenerationCase,
  pictures: readonly PictureRequest[],
  scales: readonly number[],
): Run {
  const common = {
    runner: full,
    names,
    guidance: { guidance: 1, guidanceSchedule: 'constant' },
  } as const;
  if (!hasNullRows(subject, own)) return { ...common, pictures };
  const doubles = pictures.map((picture) => ({ ...picture, condition: NO_CONDITION }));
  return { ...common, pictures: [...pictures, ...doubles], change: guideTogether(scales) };
}

async function replayCase(subject: GeneratorSubject, runners: Runners, own: GenerationCase): Promise<void> {
  const { checklist } = subject;
  const prefix = `generate.${own.id}`;
  if (checklist.asked(new RegExp(`^generate\\.${own.id}\\.`)).length === 0) return;
  const setting = settingOf(subject, own);
  const { order, plan } = setting;
  const pictures = own.class_labels.map(
    (label, index): PictureRequest => ({ condition: conditionOf(subject, label), index, order }),
  );
  const guided = guidedSteps(subject, own, plan);
  const predicts = plan.steps.map((step) => step.predicts);
  compareList(subject, `${prefix}.tokens_per_step`, predicts, own.tokens_per_step);
  compareList(
    subject,
    `${prefix}.passes`,
    [plan.steps.length],
    own.passes === undefined ? undefined : [own.passes],
  );
  compareStored(subject, `${prefix}.class_labels`, own.class_labels);
  compareStored(subject, `${prefix}.guided`, guided.map(Number));
  const check = async (run: Run): Promise<readonly HostTensor[]> => {
    const { logits, further, tokens } = await sample(subject, setting, run);
    compareLogits(subject, own, logits);
    compareFurther(subject, own, further);
    compareTokens(subject, own, order, tokens.slice(0, pictures.length));
    return logits;
  };
  const { own: guidance } = own.guidance;
  let passes = guidance && (await check({ runner: runners.own, pictures, guidance }));
  const isWhole = passes && (isGuided(guidance!) || !hasNullRows(subject, own));
  if (!isWhole || runners.full !== runners.own)
    passes = await check(fullRun(subject, runners, own, pictures, scalesOf(own, plan, guided)));
  const fed = passes!.map(({ shape }) => shape[1]!);
  compareList(subject, `${prefix}.positions_fed_per_step`, fed, own.positions_fed_per_step);
}

/** Checks the generation cases: the logits of every pass, before guidance, and the tokens. */
export async function replaySampling(subject: GeneratorSubject): Promise<void> {
  const { system, extras, config, weights, target } = subject;
  const graphs = system.graphs(config);
  const own = createGraphRunner(graphs, weights, target);
  const whole = extras.wholeStep?.(config);
  const names = Object.keys(whole?.outputs ?? {}).filter((name) => !/^(logits$|present\.)/.test(name));
  const full = whole ? createGraphRunner({ ...graphs, step: () => whole }, weights, target) : own;
  try {
    for (const value of subject.configuration.cases) {
      const parsed = parseCase(value, subject.source);
      const hasNumbers = ['tokens', 'raw_logits', 'raw_logits.0'].some((own) =>
        subject.checklist.has(`generate.${parsed.id}.${own}`),
      );
      if (!hasNumbers) throw new InputError(`${subject.source}: there are no numbers of case ${parsed.id}`);
      await replayCase(subject, { own, full, names }, parsed);
    }
  } finally {
    await own.dispose();
    await full.dispose();
  }
}
