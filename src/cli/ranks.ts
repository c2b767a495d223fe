import { availableParallelism, cpus } from 'node:os';
import { joinPeers } from '../cluster/joinPeers.js';
import { launchOf, threadsOf } from '../cluster/launch.js';
import type { Peers } from '../cluster/peers.js';
import type { LostRank } from '../cluster/watch.js';
import { EXIT_CODES } from '../errors.js';
import { removePartialOutput } from '../partialNames.js';
import { exitCodeOf } from './report.js';
import { printMessage } from './terminal.js';

/** Ends a process one of whose ranks is gone: what waits for it would never end. */
function endWithout({ rank, pid, isOwnToSay }: LostRank): void {
  if (isOwnToSay)
    printMessage(
      `arpg: rank ${rank} (process ${pid}) is gone, and the others end with it; what was saved is whole, and --resume goes on from there`,
    );
  removePartialOutput();
  process.exit(EXIT_CODES.unexpected);
}

/**
 * Work that the ranks do together that mpirun or srun started, or that this process does alone. One rank's failure ends
 * all, and only that one says it.
 */
export async function withRanks<T>(work: (peers: Peers | undefined) => Promise<T>): Promise<T> {
  const peers = await joinPeers(process.env, endWithout);
  if (!peers) return work(undefined);
  try {
    return await peers.together(() => work(peers), exitCodeOf);
  } finally {
    await peers.leave();
  }
}

/** Threads where none are asked for and other ranks are on this machine; undefined where there are none. */
export function sharedThreads(): number | undefined {
  return threadsOf(launchOf(process.env), cpus().length, availableParallelism());
}
