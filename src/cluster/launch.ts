import { InputError } from '../errors.js';

/** A process among those that a launcher started together. */
export interface Launch {
  /** What started them, for messages. */
  readonly launcher: string;
  /** From 0. */
  readonly rank: number;
  readonly size: number;
  /** Processes of the same start on this machine; undefined where the launcher does not say. */
  readonly localSize?: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables in which a launcher tells each process who it is. */
interface LauncherVariables {
  readonly launcher: string;
  readonly rank: string;
  readonly size: string;
  readonly localSize?: string;
}

/**
 * Those of Open MPI's mpirun, of MPICH's and Intel's (Hydra), and of srun. A batch script of Slurm has a rank, too, which
 * is 0, but it is no step: what counts the tasks of a step is there within srun alone, and other ranks are.
 */
const LAUNCHERS: readonly LauncherVariables[] = [
  {
    launcher: 'mpirun',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  { launcher: 'mpirun', rank: 'PMI_RANK', size: 'PMI_SIZE', localSize: 'MPI_LOCALNRANKS' },
  { launcher: 'srun', rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS' },
];

/** Where a step of Slurm does not count its own tasks. */
const WITHIN_STEP: LauncherVariables = { launcher: 'srun', rank: 'SLURM_PROCID', size: 'SLURM_NTASKS' };

/** @throws InputError where the variable holds no whole number from a least one on. */
export function wholeOf(environment: Environment, name: string, least: number): number {
  const text = environment[name] ?? '';
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
    throw new InputError(`the environment's ${name} is '${text}': not a whole number from ${least} on`);
  return value;
}

/**
 * What a launcher of several processes says of this one; undefined where none started it.
 * @throws InputError naming the variable that makes no sense.
 */
export function launchOf(environment: Environment): Launch | undefined {
  const isTask = environment.SLURM_STEP_ID || (environment.SLURM_PROCID ?? '0') !== '0';
  const known = isTask ? [...LAUNCHERS, WITHIN_STEP] : LAUNCHERS;
  const found = known.find(({ rank, size }) => environment[rank] && environment[size]);
  if (!found) return undefined;
  const { launcher, localSize: localName = '' } = found;
  const size = wholeOf(environment, found.size, 1);
  const rank = wholeOf(environment, found.rank, 0);
  if (rank >= size)
    throw new InputError(
      `the environment's ${found.rank} is ${rank}, but there are only ${size} processes by ${found.size}`,
    );
  const localSize = environment[localName] ? wholeOf(environment, localName, 1) : undefined;
  return { launcher, rank, size, ...(localSize !== undefined && { localSize }) };
}

/**
 * Threads for each of several processes of a machine, so that together they do not ask for more cores than it has;
 * undefined where the process is alone there.
 * @param cores of the machine
 * @param allowed cores that this process may use
 */
export function threadsOf(launch: Launch | undefined, cores: number, allowed: number): number | undefined {
  const neighbours = launch?.localSize ?? 1;
  return neighbours === 1 ? undefined : Math.max(1, Math.min(allowed, Math.floor(cores / neighbours)));
}
