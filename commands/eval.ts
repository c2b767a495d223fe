import { Args, Flags, type Interfaces } from '@oclif/core';
import { BaseCommand, modelFlags } from '../src/cli/baseCommand.js';
import { encodeStatistics, gatherFrom, referenceFrom, referenceOf } from '../src/cli/evalSets.js';
import { parseShard, shardFlag } from '../src/cli/shardFlag.js';
import type { Peers } from '../src/cluster/peers.js';
import { ownPart } from '../src/cluster/ownPart.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { joinedParts } from '../src/cli/joinedParts.js';
import { withOwnPart } from '../src/cli/ownShard.js';
import { withRanks } from '../src/cli/ranks.js';
import { checkOutput, writeOutput, writeStdout } from '../src/cli/streams.js';
import { formatTable } from '../src/cli/table.js';
import {
  admDistances,
  compareSets,
  type DoubleProduct,
  doubleProduct,
  encodePart,
  exactDistances,
  type FeatureNetwork,
  inceptionNetwork,
  lackingFor,
  type Measured,
  mergeParts,
  type Metric,
  METRICS,
  onnxNetwork,
  openPictureSet,
  type PartStatistics,
  type PictureSet,
  readPart,
  type ReferenceStatistics,
  type SetStatistics,
  smallNetwork,
} from '../src/faces/evaluation.js';
import { fetchedFile, InputError, KNOWN_FILES, UsageError } from '../src/index.js';

/** Files with statistics of parts. */
const PART = /\.safetensors$/i;
/** Files with weights of Inception. */
const WEIGHTS = /\.(pth|pt|pth\.tar)$/i;

/** Pictures of a random subset, as papers have it. */
const SUBSET_SIZE = 1000;

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
      exclusive: ['merge', 'reference'],
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
    const isFirst = peers?.isFirst ?? true;
    const flags = isFirst ? given : { ...given, quiet: true };
    if (paths.length > 1 && !flags.merge)
      throw new UsageError(
        `one set is measured at a time, not ${paths.length}; parts of one are joined with --merge`,
      );
    const wanted = wantedMetrics(flags.metrics);
    const shard = peers ? { index: peers.rank + 1, count: peers.size } : parseShard(flags.shard);
    checkOutput(flags.output);
    checkOutput(flags.statistics);
    const product = doubleProduct();
    const network = onDemand(() => this.network(flags));
    try {
      const set = flags.merge ? undefined : await this.open(flags, paths[0]!);
      const options = { ...(shard && { shard }), isQuiet: flags.quiet };
      const found = set ? await gatherFrom(set, await network.get(), product, options) : mergeParts(paths);
      const part = shard && { shard, total: set!.pictures!.count, statistics: found };
      if (part && !peers) {
        await this.writePart(flags, part);
        return;
      }
      const samples = part && peers ? await joinedParts(peers, part) : found;
      if (!samples) return;
      if (flags.statistics !== undefined) {
        await writeOutput(flags.statistics, await encodeStatistics(samples));
        this.note(flags, `wrote ${flags.statistics}: statistics of ${samples.rows.count} pictures`);
      }
      const reference =
        flags.reference === undefined
          ? undefined
          : await this.reference(flags, flags.reference, samples, network.get, product);
      await this.report(flags, paths, await this.measure(flags, { samples, reference, wanted, product }));
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

  /** What SAMPLES are compared with. @throws InputError where it is of another network. */
  private async reference(
    flags: EvalFlags,
    path: string,
    samples: SetStatistics,
    network: () => Promise<FeatureNetwork>,
    product: DoubleProduct,
  ): Promise<ReferenceStatistics> {
    if (PART.test(path)) {
      const { statistics, shard } = readPart(path);
      if (shard.count > 1)
        throw new InputError(`${path}: part ${shard.index} of ${shard.count}, and no whole set`);
      requireSameNetwork(path, statistics.digest, samples);
      return referenceFrom(statistics);
    }
    const set = await this.open(flags, path);
    if (set.pictures) requireSameNetwork(path, (await network()).digest, samples);
    return referenceOf(set, network, product, {
      name: samples.network,
      width: samples.pool.mean.length,
      isQuiet: flags.quiet,
    });
  }

  private async measure(
    flags: EvalFlags,
    {
      samples,
      reference,
      wanted,
      product,
    }: Pick<Evaluation, 'samples' | 'reference'> & {
      readonly wanted: readonly Metric[] | undefined;
      readonly product: DoubleProduct;
    },
  ): Promise<Evaluation> {
    const left = new Map<Metric, string>();
    for (const metric of wanted ?? METRICS) {
      const lacking = lackingFor(metric, samples, reference);
      if (lacking === undefined) continue;
      if (wanted) throw new UsageError(`--metrics ${metric}: ${lacking}`);
      left.set(metric, lacking);
    }
    const count = flags['kid-subsets'];
    const size = flags['kid-subset-size'] ?? SUBSET_SIZE;
    const rows = [samples.rows, ...(reference?.rows ? [reference.rows] : [])];
    if (count !== undefined && rows.some((own) => own.count < size))
      throw new UsageError(`--kid-subset-size ${size}: a set has fewer pictures; choose a smaller subset`);
    const measured = await compareSets(samples, reference ?? {}, {
      metrics: (wanted ?? METRICS).filter((metric) => !left.has(metric)),
      product,
      arithmetic: flags.arithmetic === 'adm' ? admDistances(product) : exactDistances(product),
      ...(count !== undefined && { subsets: { count, size, seed: flags.seed } }),
      onMetric: (metric) => this.detail(flags, `computing ${metric}`),
    });
    return { samples, reference, measured, left };
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
    if (Object.keys(measured).length === 0)
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
    const rows = Object.entries(measured).map(([metric, value]) => [metric, shown(metric, value)]);
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
  readonly output: string | undefined;
  readonly target: string;
  readonly threads: number | undefined;
  readonly 'allow-fallback': boolean;
  readonly 'kid-subsets': number | undefined;
  readonly 'kid-subset-size': number | undefined;
  readonly seed: number;
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

function requireSameNetwork(path: string, digest: string, samples: SetStatistics): void {
  if (digest !== samples.digest)
    throw new InputError(
      `${path}: its features are of another network than the samples' (${samples.network}); name theirs with --features`,
    );
}

/** @throws UsageError naming what is no measure. */
function wantedMetrics(list: string | undefined): readonly Metric[] | undefined {
  if (list === undefined) return undefined;
  return list.split(',').map((name) => {
    const metric = METRICS.find((own) => own === name.trim().toLowerCase());
    if (!metric) throw new UsageError(`--metrics ${name.trim()} is unknown; there are ${METRICS.join(', ')}`);
    return metric;
  });
}

/** A figure for people. Rounding alone can bring distances of equal sets below 0. */
function shown(metric: string, value: number): string {
  if (metric === 'precision' || metric === 'recall') return value.toFixed(4);
  return (metric === 'kid' ? value : Math.max(0, value)).toPrecision(6);
}
