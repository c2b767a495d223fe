import { UsageError } from '../errors.js';
import { type Environment, launchOf, wholeOf } from './launch.js';

/** A part of work that several processes do, each its own. */
export interface Part {
  /** From 1. */
  readonly index: number;
  readonly count: number;
  /** Who says so, for messages. */
  readonly said: string;
  /** Whether the processes were started together, and share a terminal. */
  readonly isTogether: boolean;
}

/** How many pods an indexed job of Kubernetes has: the job says it, since Kubernetes tells a pod its index alone. */
export const SHARDS_VARIABLE = 'ARPG_SHARDS';
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';

/** A part of Slurm's job array. @throws UsageError for an array with gaps. */
function arrayPart(environment: Environment): Part | undefined {
  if (!environment.SLURM_ARRAY_TASK_ID || !environment.SLURM_ARRAY_TASK_COUNT) return undefined;
  const [id, least, largest] = ['ID', 'MIN', 'MAX'].map((name) =>
    wholeOf(environment, `SLURM_ARRAY_TASK_${name}`, 0),
  ) as [number, number, number];
  const count = wholeOf(environment, 'SLURM_ARRAY_TASK_COUNT', 1);
  const step = environment.SLURM_ARRAY_TASK_STEP ? wholeOf(environment, 'SLURM_ARRAY_TASK_STEP', 1) : 1;
  const index = (id - least) / step;
  if (!Number.isInteger(index) || index < 0 || index >= count || (largest - least) / step + 1 !== count)
    throw new UsageError(
      `Slurm's job array has ${count} tasks from ${least} to ${largest}, with gaps: say with --shard which part is whose`,
    );
  return { index: index + 1, count, said: "Slurm's job array", isTogether: false };
}

/** A pod of an indexed job. @throws UsageError for an index beyond the number that the job names. */
function podPart(environment: Environment): Part | undefined {
  if (!environment[INDEX_VARIABLE] || !environment[SHARDS_VARIABLE]) return undefined;
  const index = wholeOf(environment, INDEX_VARIABLE, 0);
  const count = wholeOf(environment, SHARDS_VARIABLE, 1);
  if (index >= count)
    throw new UsageError(
      `${INDEX_VARIABLE} is ${index}, but ${SHARDS_VARIABLE} says ${count}: it must be the job's completions`,
    );
  return { index: index + 1, count, said: "Kubernetes' indexed job", isTogether: false };
}

function launchedPart(environment: Environment): Part | undefined {
  const launch = launchOf(environment);
  return launch && { index: launch.rank + 1, count: launch.size, said: launch.launcher, isTogether: true };
}

/**
 * The part of the work that is this process' own, as a launcher, a job array or an indexed job says; undefined where
 * it is alone, or `ARPG_SHARDS` is 1. Processes of each task of an array have parts of the task's part.
 * @throws UsageError, InputError for variables that make no sense.
 */
export function ownPart(environment: Environment): Part | undefined {
  if (environment[SHARDS_VARIABLE] === '1') return undefined;
  const [outer, inner] = [arrayPart(environment) ?? podPart(environment), launchedPart(environment)];
  const parts = [outer, inner].filter((part) => part !== undefined && part.count > 1) as readonly Part[];
  if (parts.length === 0) return undefined;
  return parts.reduce((whole, part) => ({
    index: (whole.index - 1) * part.count + part.index,
    count: whole.count * part.count,
    said: `${whole.said} and ${part.said}`,
    isTogether: whole.isTogether || part.isTogether,
  }));
}
