import { cpus } from 'node:os';
import { Flags } from '@oclif/core';
import {
  type BenchModel,
  type BenchReport,
  chartPng,
  chartPoints,
  COMBINATION_FLAG,
  type Combination,
  combine,
  freeMemory,
  measure,
  measureApart,
  measureInTurn,
  mergeRows,
  namedModel,
  openWorkFolder,
  parseChoices,
  parseCounts,
  parseList,
  parseSize,
  parseSteps,
  type PlannedCombination,
  readReport,
  reported,
  type ReportedCombination,
  type RoundResult,
  sizedModel,
  tableOf,
} from '../src/bench/index.js';
import { BaseCommand } from '../src/cli/baseCommand.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { startProgress } from '../src/cli/progress.js';
import { checkOutput, writeOutput, writeStdout } from '../src/cli/streams.js';
import { formatTable } from '../src/cli/table.js';
import { TARGET_NAMES } from '../src/faces/graph.js';
import {
  DEFAULT_MODEL,
  machineMemory,
  requireSystem,
  resolveSeed,
  RUN_PRECISIONS,
  SYSTEM_NAMES,
  UsageError,
  UserError,
} from '../src/index.js';

/** What is measured where nothing is said: one picture, and several at once. */
const DEFAULT_BATCHES = '1,8';
const DEFAULT_SIZE = '300M';

export default class Bench extends BaseCommand {
  static override summary = 'Measure how fast models draw, and what memory they take.';
  static override description =
    `Combines models, batches, steps, targets and precisions, and measures each combination in turn, round by round, in a
process of its own: images a second with decoding, the time from the start of the process to the first picture, and the
process's peak memory while tokens are drawn. Of the plan come passes (evaluations of the network for a picture), tokens of
a pass, FLOPs, and the memory of weights, cache and activations; a large product measured in the same process tells what
share of the machine is used. Shown are medians, with the smallest and the largest.

Models are --models, or each of --systems at each of --sizes: networks for 256×256 pixels of 1,000 classes with random
weights, which draw as fast as trained ones; they lie in the cache folder meanwhile. What a system or a target cannot do, or
what would not fit into memory, is a row that says why.`;
  static override examples = [
    '<%= config.bin %> bench',
    '<%= config.bin %> bench --models digits,emoji --batches 1,16 --precisions fp32,int8',
    '<%= config.bin %> bench --systems arpg,llamagen,var --sizes 300M --batches 1,8 --chart speed.png',
    '<%= config.bin %> bench --models ARPG-L --steps 16,32,64 --targets onnx --json',
    '<%= config.bin %> bench --from monday.json,tuesday.json --chart both.png',
  ];
  static override flags = {
    models: Flags.string({
      helpGroup: GROUPS.model,
      description: `model folders, names of models that come with arpg, published configurations such as ARPG-L, and .json files like a model folder's config.json, with commas between (default: ${DEFAULT_MODEL})`,
      helpValue: 'LIST',
    }),
    systems: Flags.string({
      helpGroup: GROUPS.model,
      description: `systems of which networks of each size are measured, or all: ${SYSTEM_NAMES.join(', ')}`,
      helpValue: 'LIST',
    }),
    sizes: Flags.string({
      helpGroup: GROUPS.model,
      description: `small, medium (those that a CPU trains), or numbers of parameters, for the nearest published configuration (default: ${DEFAULT_SIZE})`,
      helpValue: 'LIST',
      dependsOn: ['systems'],
    }),
    precisions: Flags.string({
      helpGroup: GROUPS.model,
      description: `in what generators compute: ${RUN_PRECISIONS.join(', ')} (default: what the model is stored for)`,
      helpValue: 'LIST',
    }),
    batches: Flags.string({
      helpGroup: GROUPS.sampling,
      description: 'pictures drawn together',
      default: DEFAULT_BATCHES,
      helpValue: 'LIST',
    }),
    steps: Flags.string({
      helpGroup: GROUPS.sampling,
      description: "steps of a picture; 'default' is the system's own number",
      default: 'default',
      helpValue: 'LIST',
    }),
    seed: Flags.integer({
      char: 's',
      helpGroup: GROUPS.sampling,
      description: 'whole number that fixes random weights and what is drawn',
      min: 0,
      default: 0,
    }),
    targets: Flags.string({
      helpGroup: GROUPS.machine,
      description: `what runs the models: ${TARGET_NAMES.join(', ')}`,
      default: 'auto',
      helpValue: 'LIST',
    }),
    threads: Flags.integer({
      helpGroup: GROUPS.machine,
      description: 'CPU threads (default: one per core)',
      min: 1,
      max: 1024,
    }),
    rounds: Flags.integer({
      helpGroup: GROUPS.machine,
      description: 'measurements of each combination',
      default: 3,
      min: 1,
      max: 1000,
    }),
    from: Flags.string({
      description:
        'results of earlier runs with --json, shown with what is measured; alone, nothing is measured',
      helpValue: 'FILES',
    }),
    chart: Flags.string({
      helpGroup: GROUPS.output,
      description: 'draws speed against memory, a marker for each measured row',
      helpValue: 'FILE.png',
    }),
    [COMBINATION_FLAG]: Flags.string({ hidden: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Bench);
    const combination = flags[COMBINATION_FLAG];
    if (combination !== undefined) {
      await writeStdout(`${JSON.stringify(await measure(JSON.parse(combination) as Combination))}\n`);
      return;
    }
    checkOutput(flags.chart);
    const earlier = flags.from === undefined ? [] : parseList('from', flags.from).map(readReport);
    const isForShow = earlier.length > 0 && flags.models === undefined && flags.systems === undefined;
    requireOneMachine(earlier, isForShow);
    const measured = isForShow ? [] : await this.measureAll(flags);
    const rows = [...earlier.map(({ combinations }) => combinations), measured].reduce(mergeRows);
    const machine = isForShow ? earlier[0]!.machine : thisMachine();
    await this.report(flags, { version: 1, machine, combinations: rows });
  }

  /** @throws UserError for what is no choice, before anything is measured. */
  private async measureAll(flags: BenchFlags): Promise<readonly ReportedCombination[]> {
    const choices = {
      batches: parseCounts('batches', flags.batches),
      steps: parseSteps('steps', flags.steps),
      targets: parseChoices('targets', flags.targets, TARGET_NAMES),
      precisions:
        flags.precisions === undefined
          ? [undefined]
          : parseChoices('precisions', flags.precisions, RUN_PRECISIONS),
    };
    const models = modelsOf(flags);
    const combinations = combine({ models, ...choices }, freeMemory());
    const random = models.filter(({ source }) => 'tokenizer' in source).map(({ name }) => name);
    if (random.length > 0) this.note(flags, `random weights: ${random.join(', ')}`);
    const work = openWorkFolder();
    const total = combinations.length * flags.rounds;
    const bar = startProgress('measuring', total, 'measurements', !flags.quiet);
    try {
      const measured = await measureInTurn(
        combinations,
        flags.rounds,
        (combination) => measureOne(combination, () => work.folderOf(combination.model), flags),
        (done) => bar.update(done),
      );
      return measured.map(reported);
    } finally {
      bar.stop();
      work.remove();
    }
  }

  private async report(flags: BenchFlags, result: BenchReport): Promise<void> {
    const rows = result.combinations;
    const points = chartPoints(rows);
    if (flags.json) await this.result(flags, result);
    else {
      const { headings, rows: cells } = tableOf(rows);
      await writeStdout(formatTable(headings, cells, process.stdout.columns));
    }
    if (points.length === 0)
      throw new UsageError('none of the combinations can be measured: the rows say why');
    if (flags.chart === undefined) return;
    await writeOutput(flags.chart, await chartPng(points));
    this.note(flags, `wrote ${flags.chart}: ${points.length} markers`);
  }
}

/** The flags that the parts of the command look at. */
type BenchFlags = Parameters<BaseCommand['note']>[0] & {
  readonly models: string | undefined;
  readonly systems: string | undefined;
  readonly sizes: string | undefined;
  readonly precisions: string | undefined;
  readonly batches: string;
  readonly steps: string;
  readonly seed: number;
  readonly targets: string;
  readonly threads: number | undefined;
  readonly rounds: number;
  readonly chart: string | undefined;
};

/** The models that flags name. @throws UserError for what is none. */
function modelsOf({
  models,
  systems,
  sizes = DEFAULT_SIZE,
  seed: wanted,
}: BenchFlags): readonly BenchModel[] {
  const seed = resolveSeed(wanted);
  const names = models ?? (systems === undefined ? DEFAULT_MODEL : undefined);
  const named = names === undefined ? [] : parseList('models', names).map((name) => namedModel(name, seed));
  if (systems === undefined) return named;
  const chosen = systems === 'all' ? SYSTEM_NAMES : parseList('systems', systems);
  const all = chosen.map(requireSystem);
  return [
    ...named,
    ...parseList('sizes', sizes)
      .map(parseSize)
      .flatMap((size) => all.map((system) => sizedModel(system, size, seed))),
  ];
}

/** One round of a combination, or why there is none. */
async function measureOne(
  { target, precision, batch, steps }: PlannedCombination,
  folderOf: () => Promise<string>,
  { threads, seed }: BenchFlags,
): Promise<RoundResult> {
  let folder: string;
  try {
    folder = await folderOf();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { reason: error.message };
  }
  const combination = { folder, target, precision, batch, steps: steps!, seed };
  return measureApart({ ...combination, ...(threads !== undefined && { threads }) }, [
    ...process.execArgv,
    process.argv[1]!,
  ]);
}

function thisMachine(): BenchReport['machine'] {
  const processors = cpus();
  const processor = processors[0]?.model ?? 'unknown';
  return { processor, cores: processors.length, memory_bytes: machineMemory() };
}

/** @throws UsageError for results of several machines, which say nothing beside each other. */
function requireOneMachine(earlier: readonly BenchReport[], isForShow: boolean): void {
  const machines = [...earlier.map(({ machine }) => machine), ...(isForShow ? [] : [thisMachine()])];
  const kinds = new Set(machines.map(({ processor, cores }) => `${processor} with ${cores} cores`));
  if (kinds.size > 1)
    throw new UsageError(
      `--from: results of different machines cannot be compared: ${[...kinds].join('; ')}`,
    );
}
