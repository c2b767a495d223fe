import { TargetError } from '../errors.js';
import { type Environment, type Launch, launchOf } from './launch.js';
import { joinMpi } from './mpi.js';
import { LIBRARY_VARIABLE, openMpiLibrary } from './mpiLibrary.js';
import { type Peers, peersOf } from './peers.js';
import { type LostRank, watchRanks } from './watch.js';

/** What to do where processes were started together and do not find each other. */
const advice = ({ launcher }: Launch): string =>
  launcher === 'srun'
    ? `try srun --mpi=pmix or --mpi=pmi2, or name the library with ${LIBRARY_VARIABLE}`
    : `name the library that belongs to ${launcher} with ${LIBRARY_VARIABLE}`;

/**
 * The ranks that a launcher of several processes started together with this one, joined by MPI; undefined where this
 * process is alone.
 * @param onLost hears of a rank on this machine that is no more
 * @throws TargetError where there is no MPI, or not that of the launcher.
 */
export async function joinPeers(
  environment: Environment,
  onLost: (lost: LostRank) => void,
): Promise<Peers | undefined> {
  const launch = launchOf(environment);
  if (!launch || launch.size === 1) return undefined;
  const { launcher, size, rank } = launch;
  const mpi = await openMpiLibrary(environment);
  if (!mpi)
    throw new TargetError(
      `${launcher} started ${size} processes, but there is no MPI to join them: install Open MPI or MPICH, or name its libmpi with ${LIBRARY_VARIABLE}`,
    );
  const communicator = joinMpi(mpi);
  if (communicator.size !== size || communicator.rank !== rank)
    throw new TargetError(
      `${launcher} started this process as rank ${rank} of ${size}, but to ${mpi.name} (${mpi.version}) it is rank ${communicator.rank} of ${communicator.size}: ${advice(launch)}`,
    );
  const stopWatching = await watchRanks(communicator, onLost);
  const peers = peersOf(communicator);
  return {
    ...peers,
    leave: async () => {
      stopWatching();
      await peers.leave();
    },
  };
}
