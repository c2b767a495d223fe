import { join, resolve } from 'node:path';
import type { Peers } from '../cluster/peers.js';
import { UsageError } from '../errors.js';
import type { Target } from '../targets/target.js';
import type { TrainingHost, TrainingRequest } from './request.js';
import { resumedSettings } from './resumedRun.js';
import { createRun, readRunSettings, reopenRun, writeRunSettings } from './runFolder.js';
import { withResolvedPaths } from './runPaths.js';
import { newSharedSettings, type SharedRunSettings } from './runSettings.js';
import { requireDivisible } from './sharedRun.js';

/** A run that this process alone works on, and what runs it. */
export interface OpenRun<T> {
  readonly folder: string;
  readonly settings: T;
  readonly target: Target;
}

/** What a kind of runs has of its own. */
export interface RunKind<T> {
  /** The settings in a run's file. @throws InputError naming the field at fault. */
  readonly validate: (value: unknown, source: string) => T;
  /** The settings of a new run, all of whose inputs have been looked at. */
  readonly make: (shared: SharedRunSettings) => Promise<T>;
}

async function reopened<T extends SharedRunSettings>(
  folder: string,
  request: TrainingRequest,
  { onNote }: TrainingHost,
  { validate }: RunKind<T>,
): Promise<{ readonly settings: T; readonly release: () => void }> {
  if (request.out !== undefined)
    throw new UsageError('--out and --resume exclude each other: a run is made or continued');
  const before = validate(readRunSettings(folder), join(folder, 'run.json'));
  const release = reopenRun(folder);
  try {
    const resumed = resumedSettings(folder, before, request);
    for (const note of resumed.notes) onNote?.(note);
    const settings = validate(resumed.settings, 'the request');
    if (JSON.stringify(settings) !== JSON.stringify(before)) writeRunSettings(folder, settings);
    return { settings, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** What the first rank tells the others of a run that it has opened. */
interface ToldRun {
  readonly folder: string;
  readonly out: string | undefined;
  readonly resume: string | undefined;
  readonly settings: unknown;
}

/** @throws UsageError where ranks were asked for other runs. */
function requireSameRun(told: ToldRun, { out, resume }: TrainingRequest, rank: number): void {
  const shown = (run: Pick<ToldRun, 'out' | 'resume'>) =>
    run.resume === undefined ? `--out ${run.out}` : `--resume ${run.resume}`;
  if (shown(told) !== shown({ out, resume }))
    throw new UsageError(
      `rank ${rank} has ${shown({ out, resume })} and rank 0 ${shown(told)}: all ranks train one run; start other runs apart`,
    );
}

/** Works on a run that the first rank has opened. */
async function withToldRun<T extends SharedRunSettings, Result>(
  request: TrainingRequest,
  peers: Peers,
  { validate }: RunKind<T>,
  chooseTarget: () => Promise<Target>,
  work: (run: OpenRun<T>) => Promise<Result>,
): Promise<Result> {
  await peers.meet();
  const told = JSON.parse(await peers.told('')) as ToldRun;
  requireSameRun(told, request, peers.rank);
  const settings = validate(told.settings, join(told.folder, 'run.json'));
  return work({ folder: told.folder, settings, target: await chooseTarget() });
}

/**
 * Opens the run that is asked for, a new one, whose settings are written down, or one to continue, and works on it. The
 * run is this process' alone until the work is done.
 * @throws UsageError, InputError for a request that cannot be followed, OutputError when there is a run already or
 *   another process works on it. Ranks that share the run fail together.
 */
export async function withRun<T extends SharedRunSettings, Result>(
  request: TrainingRequest,
  host: TrainingHost,
  kind: RunKind<T>,
  work: (run: OpenRun<T>) => Promise<Result>,
): Promise<Result> {
  host.signal?.throwIfAborted();
  const { peers } = host;
  const chooseTarget = async () => (typeof host.target === 'function' ? host.target() : host.target);
  if (peers && !peers.isFirst) return withToldRun(request, peers, kind, chooseTarget, work);
  const begin = async (run: OpenRun<T>): Promise<Result> => {
    if (peers) {
      const { out, resume } = request;
      await peers.meet();
      await peers.told(JSON.stringify({ folder: resolve(run.folder), out, resume, settings: run.settings }));
    }
    return work(run);
  };
  if (request.resume !== undefined) {
    const folder = request.resume;
    const { settings, release } = await reopened(folder, request, host, kind);
    try {
      requireDivisible(settings, peers?.size ?? 1);
      return await begin({ folder, settings, target: await chooseTarget() });
    } finally {
      release();
    }
  }
  const { out: folder, ...shared } = newSharedSettings(request, host);
  const made = kind.validate(await kind.make(shared), 'the request');
  if (made.warmup >= made.steps)
    host.onNote?.(
      `--warmup ${made.warmup} is not over before the last of ${made.steps} steps: the learning rate never reaches ${made.learning_rate}`,
    );
  const settings = withResolvedPaths(made);
  const target = await chooseTarget();
  const release = createRun(folder, settings);
  try {
    return await begin({ folder, settings, target });
  } finally {
    release();
  }
}
