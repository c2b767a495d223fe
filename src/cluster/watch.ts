import { hostname } from 'node:os';
import { isAlive } from '../partialNames.js';
import { broadcastBytes, type Communicator } from './communicator.js';

/** Where a process is, for others of the same machine to look after it. */
interface Whereabouts {
  readonly host: string;
  readonly pid: number;
}

/** Where all ranks are, by rank. */
async function whereabouts(communicator: Communicator): Promise<readonly Whereabouts[]> {
  const own = new TextEncoder().encode(JSON.stringify({ host: hostname(), pid: process.pid }));
  const all: Whereabouts[] = [];
  for (let rank = 0; rank < communicator.size; rank++) {
    const bytes = await broadcastBytes(communicator, rank, own);
    all.push(JSON.parse(new TextDecoder().decode(bytes)) as Whereabouts);
  }
  return all;
}

/** Milliseconds between two looks: launchers give a process a second to end when another has died. */
const PERIOD = 200;

/** A rank that is no more. */
export interface LostRank {
  readonly rank: number;
  readonly pid: number;
  /** Whether this is the one of the machine's ranks that says so. */
  readonly isOwnToSay: boolean;
}

/**
 * Looks after the ranks on this machine: whoever waits for one that was killed would wait until the launcher ends it, too,
 * without a word.
 * @param onLost hears once which rank is no more
 * @returns looks no longer
 */
export async function watchRanks(
  communicator: Communicator,
  onLost: (lost: LostRank) => void,
): Promise<() => void> {
  const ranks = (await whereabouts(communicator)).map((place, rank) => ({ ...place, rank }));
  // Processes of other containers may have numbers that mean nothing here.
  const seen = ranks.filter(
    ({ host, pid, rank }) => rank !== communicator.rank && host === hostname() && isAlive(pid),
  );
  const timer = setInterval(() => {
    const lost = seen.find(({ pid }) => !isAlive(pid));
    if (!lost) return;
    clearInterval(timer);
    const left = seen.filter(({ pid }) => isAlive(pid));
    const isOwnToSay = left.every(({ rank }) => rank > communicator.rank);
    onLost({ rank: lost.rank, pid: lost.pid, isOwnToSay });
  }, PERIOD);
  timer.unref();
  return () => clearInterval(timer);
}
