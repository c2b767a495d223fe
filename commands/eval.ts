import { Args, Flags, type Interfaces } from '@oclif/core';
import { BaseCommand, modelFlags, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { measureSets, shownFigure, SUBSET_SIZE, wantedMetrics } from '../src/cli/evalMeasures.js';
import { encodeStatistics, gatherFrom, isPart, openReference } from '../src/cli/evalSets.js';
import { parseShard, shardFlag } from '../src/cli/shardFlag.js';
import type { Peers } from '../src/cluster/peers.js';
import { ownPart } from '../src/cluster/ownPart.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { joinedParts } from '../src/cli/joinedParts.js';
import { withOwnPart } from '../src/cli/ownShard.js';
import { withRanks } from '../src/cli/ranks.js';
import { checkOutput, STREAM, writeOutput, writeStdout } from '../src/cli/streams.js';
import { formatTable } from '../src/cli/table.js';
import {
  doubleProduct,
  encodePart,
  type FeatureNetwork,
  inceptionNetwork,
  type Measured,
  mergeParts,
  type Metric,
  METRICS,
  onnxNetwork,
  openPictureSet,
  type PartStatistics,
  type PictureSet,
  type ReferenceStatistics,
  setFingerprint,
  type SetStatistics,
  smallNetwork,
} from '../src/faces/evaluation.js';
import { fetchedFile, InputError, KNOWN_FILES, requireOtherOutput, UsageError } from '../src/index.js';

/** Files with weights of Inception. */
const WEIGHTS = /\.(pth|pt|pth\.tar)$/i;

/** What was measured of how many pictures. */
interface Evaluation {
  readonly samples: SetStatistics;
  readonly reference: ReferenceStatistics | undefined;
  readonly measured: Measured;
  readonly left: ReadonlyMap<Metric, string>;
}

export default class Eval extends BaseCommand {
  static override summary = 'Measure how good pictures are, beside others.';
  static override description =
    `SAMPLES and --reference are folders of pictures, .npz archives as the ADM evaluator takes them (pictures as arr_0,
statistics as mu, sigma, mu_s and sigma_s, or both), or files of --shard. Measures: Fréchet distance (fid; sfid of places),
Inception Score (is), precision and recall, kernel distance (kid) and CMMD's formula, all in double precision. With
--arithmetic adm, precision and recall are computed in half precision as the ADM evaluator does, to compare with papers.

Figures are those of papers only with --features inception, whose weights 'arpg pull inception' fetches, and with as many
pictures. The small network that comes with arpg knows digits and emoji; its figures compare such pictures alone.`;
  static override examples = [
    '<%= config.bin %> eval drawn/ --reference fixtures/digits/held-out',
    '<%= config.bin %> eval threes.npz --metrics is --json',
    '<%= config.bin %> eval samples.npz --reference VIRTUAL_imagenet256_labeled.npz --features inception',
    '<%= config.bin %> eval drawn/ --shard 1/2 -o part-1.safetensors',
    '<%= config.bin %> eval --merge part-1.safetensors part-2.safetensors --reference statistics.npz',
  ];
  static override strict = false;
  static override args = {
    samples: Args.string({
      ignoreStdin: true,
      description: 'folder or archive of pictures; with --merge the files of all its parts',
      required: true,
    }),
  };
  static override flags = {
    reference: Flags.string({
      description: 'pictures or statistics to compare with',
      helpValue: 'PATH',
    }),
    features: Flags.string({
      description: `what pictures are compared by: small, inception, a .pth file with Inception's weights, or an .onnx file`,
      default: 'small',
      helpValue: 'NAME|FILE',
    }),
    metrics: Flags.string({
      description: `measures, with commas between: ${METRICS.join(', ')} (default: all that can be had)`,
      helpValue: 'LIST',
    }),
    arithmetic: Flags.option({
      description: 'of precision and recall: exact, or in half precision as the ADM evaluator computes them',
      options: ['exact', 'adm'] as const,
      default: 'exact' as const,
    })(),
    'kid-subsets': Flags.integer({
      description: 'mean kernel distance of so many random subsets (default: one of all pictures)',
      min: 1,
      max: 10_000,
    }),
    'kid-subset-size': Flags.integer({
      description: `pictures of a subset (default: ${SUBSET_SIZE})`,
      min: 2,
      dependsOn: ['kid-subsets'],
    }),
    seed: Flags.integer({
      char: 's',
      helpGroup: GROUPS.sampling,
      description: 'whole number that fixes the random subsets',
      min: 0,
      default: 0,
    }),
    shard: shardFlag('measures a part of SAMPLES alone, as i/n, and writes its statistics to --output', {
      dependsOn: ['output'],
      exclusive: ['merge', 'reference', 'metrics', 'kid-subsets', 'statistics'],
    }),
    merge: Flags.boolean({ description: 'SAMPLES are files that --shard wrote, of all parts' }),
    statistics: Flags.string({
      helpGroup: GROUPS.output,
      description: 'writes mean and covariance of SAMPLES, as the ADM evaluator and pytorch-fid read them',
      helpValue: 'FILE.npz',
    }),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'file for the statistics of a part',
      helpValue: 'FILE',
    }),
    target: modelFlags.target,
    'allow-fallback': modelFlags['allow-fallback'],
    threads: modelFlags.threads,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Eval);
    const { output, shard, merge } = flags;
    const paths = argv as string[];
    const part = merge ? undefined : ownPart(process.env);
    if (output === undefined && shard === undefined && part?.isTogether) {
      await withRanks((peers) => this.evaluate(paths, flags, peers));
      return;
    }
    // A file is for the statistics of a part: the process' own where none is named.
    const own = output === undefined ? flags : withOwnPart(flags, true, (line) => this.note(flags, line));
    if (output !== undefined && own.shard === undefined)
      throw new UsageError('--output is for the statistics of a part: name the part with --shard');
    await this.evaluate(paths, own, undefined);
  }

  /** @param peers ranks that each measure a part of the set, for the first to join them */
  private async evaluate(paths: readonly string[], given: AllFlags, peers: Peers | undefined): Promise<void> {
    const flags = peers && !peers.isFirst ? { ...given, quiet: true } : given;
    requireSensible(flags, paths);
    const wanted = wantedMetrics(flags.metrics);
    const shard = peers ? { index: peers.rank + 1, count: peers.size } : parseShard(flags.shard);
    const { reference: beside, statistics } = flags;
    for (const output of [flags.output, statistics]) {
      checkOutput(output);
      if (output !== undefined)
        requireOtherOutput([...paths, ...(beside === undefined ? [] : [beside])], output);
    }
    const product = doubleProduct();
    const network = onDemand(() => this.network(flags));
    try {
      const set = flags.merge ? undefined : await this.open(flags, paths[0]!);
      const reference =
        beside === undefined
          ? undefined
          : await openReference(beside, {
              network: network.get,
              product,
              isQuiet: flags.quiet,
              onNote: (note) => this.note(flags, note),
            });
      const options = { ...(shard && { shard }), isQuiet: flags.quiet };
      const found = set ? await gatherFrom(set, await network.get(), product, options) : mergeParts(paths);
      const part = set &&
        shard && {
          ...{ shard, set: setFingerprint(set), total: set.pictures!.count },
          statistics: found,
        };
      if (part && !peers) {
        await this.writePart(flags, part);
        return;
      }
      const samples = part && peers ? await joinedParts(peers, part) : found;
      if (!samples) return;
      const compared = await reference?.(samples);
      const count = flags['kid-subsets'];
      const measured = await measureSets(samples, compared, {
        wanted,
        arithmetic: flags.arithmetic,
        subsets:
          count === undefined
            ? undefined
            : { count, size: flags['kid-subset-size'] ?? SUBSET_SIZE, seed: flags.seed },
        product,
        onMetric: (metric) => this.detail(flags, `computing ${metric}`),
      });
      if (statistics !== undefined) {
        await writeOutput(statistics, await encodeStatistics(samples));
        this.note(flags, `wrote ${statistics}: statistics of ${samples.rows.count} pictures`);
      }
      await this.report(flags, paths, { samples, reference: compared, ...measured });
    } finally {
      await (await network.made())?.dispose();
      await product.dispose();
    }
  }

  /** @throws InputError, UsageError when the network cannot be had. */
  private async network(flags: EvalFlags): Promise<FeatureNetwork> {
    const { features } = flags;
    if (/\.onnx$/i.test(features)) return onnxNetwork(features);
    const target = await this.chooseTarget(flags);
    if (features === 'small') return smallNetwork(target);
    if (WEIGHTS.test(features)) return inceptionNetwork(features, target);
    if (features !== 'inception')
      throw new UsageError(`--features ${features} is none of small, inception, a .pth and an .onnx file`);
    const fetched = fetchedFile(KNOWN_FILES.inception);
    if (fetched === undefined)
      throw new InputError("Inception's weights are not in the cache: fetch them with 'arpg pull inception'");
    return inceptionNetwork(fetched, target);
  }

  /** Opens a set, and says what was chosen of it. */
  private async open(flags: EvalFlags, path: string): Promise<PictureSet> {
    const set = await openPictureSet(path);
    for (const note of set.notes) this.note(flags, note);
    return set;
  }

  private async writePart(flags: EvalFlags, part: PartStatistics): Promise<void> {
    const { shard, total, statistics } = part;
    await writeOutput(flags.output, Buffer.concat([...encodePart(part)]));
    this.noteOutput(
      flags,
      `statistics of ${statistics.rows.count} of ${total} pictures, part ${shard.index} of ${shard.count}`,
    );
    await this.result(flags, { output: flags.output, pictures: statistics.rows.count, of: total });
  }

  private async report(
    flags: EvalFlags,
    paths: readonly string[],
    { samples, reference, measured, left }: Evaluation,
  ): Promise<void> {
    if (Object.keys(measured).length === 0 && flags.statistics === undefined)
      throw new UsageError(`nothing can be measured: ${[...new Set(left.values())].join('; ')}`);
    const usesNeighbours = measured.precision !== undefined || measured.recall !== undefined;
    const how = flags.arithmetic === 'adm' ? 'in half precision, as the ADM evaluator does' : 'exactly';
    const others = reference?.rows && reference.rows.count !== samples.rows.count;
    this.note(
      flags,
      `${samples.rows.count} pictures${reference?.rows ? ` beside ${reference.rows.count}` : ''}, by ${samples.network}${usesNeighbours ? `; precision and recall computed ${how}` : ''}`,
    );
    if (others && measured.fid !== undefined)
      this.note(
        flags,
        'the Fréchet distance falls with the number of pictures: compare figures of as many alone',
      );
    if (flags.json) {
      await this.result(flags, {
        samples: paths,
        ...(flags.reference !== undefined && { reference: flags.reference }),
        network: samples.network,
        network_sha256: samples.digest,
        pictures: samples.rows.count,
        ...(reference?.rows && { reference_pictures: reference.rows.count }),
        arithmetic: flags.arithmetic,
        metrics: measured,
        left_out: Object.fromEntries(left),
      });
      return;
    }
    const rows = Object.entries(measured).map(([metric, value]) => [metric, shownFigure(metric, value)]);
    await writeStdout(formatTable([], rows));
  }
}

/** All flags of the command. */
type AllFlags = Interfaces.InferredFlags<typeof Eval.flags> & Interfaces.InferredFlags<typeof Eval.baseFlags>;

/** The flags that the parts of the command look at. */
type EvalFlags = Parameters<BaseCommand['note']>[0] & {
  readonly features: string;
  readonly reference: string | undefined;
  readonly arithmetic: 'exact' | 'adm';
  readonly shard: string | undefined;
  readonly merge: boolean;
  readonly statistics: string | undefined;
  readonly output: string | undefined;
  readonly target: string;
  readonly threads: number | undefined;
  readonly 'allow-fallback': boolean;
};

/** Something made when it is first asked for. */
function onDemand<T>(make: () => Promise<T>): {
  readonly get: () => Promise<T>;
  readonly made: () => Promise<T | undefined>;
} {
  let value: Promise<T> | undefined;
  return {
    get: () => {
      value ??= make();
      return value;
    },
    made: async () => value?.catch(() => undefined),
  };
}

/** @throws UsageError for flags and arguments that do not go together. */
function requireSensible(flags: EvalFlags, paths: readonly string[]): void {
  if (paths.length > 1 && !flags.merge)
    throw new UsageError(
      `one set is measured at a time, not ${paths.length}; parts of one are joined with --merge`,
    );
  const [first] = paths;
  if (first !== undefined && isPart(first) && !flags.merge)
    throw new UsageError(`${first} is a file of --shard: add --merge, and the files of all its parts`);
  if (flags.shard !== undefined) requireSeparateOutputs(flags);
  if (flags.statistics === STREAM)
    throw new UsageError('--statistics names a file: the measures are printed on stdout');
}
