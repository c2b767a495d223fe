import { EXIT_CODES, UserError } from '../errors.js';
import { throughBuckets } from './buckets.js';
import { broadcastBytes, type Communicator, gatherNumbers } from './communicator.js';

/** Numbers of a bucket: 16 MiB of float32. */
const BUCKET = 1 << 22;

/** Another rank failed, and says itself why. */
export class PeerFailure extends UserError {
  override readonly name = 'PeerFailure';
  constructor(rank: number, exitCode: number) {
    super(`rank ${rank} failed`, exitCode);
  }
}

/** Processes that work on one thing, as they all see it. */
export interface Peers {
  /** From 0. */
  readonly rank: number;
  readonly size: number;
  /** What carries the messages, for people. */
  readonly library: string;
  /** Whether this one speaks and writes for all. */
  readonly isFirst: boolean;
  /**
   * Waits until all have come so far. Whatever may fail at one rank alone is followed by it.
   * @param wish whether this rank wants to stop
   * @returns whether one does
   * @throws what one rank failed with, at that one, and `PeerFailure` at all others
   */
  meet(wish?: boolean): Promise<boolean>;
  /** Replaces the numbers of arrays by the sums of all ranks', in buckets. */
  sumArrays(arrays: readonly Float32Array[]): Promise<void>;
  /** What each rank says, by rank. @param own as many numbers at all of them */
  gather(own: readonly number[]): Promise<readonly (readonly number[])[]>;
  /** The first rank's text, at all of them. @param own the text at the first; others' does not count */
  told(own: string): Promise<string>;
  /** The bytes of a rank, at all of them. */
  bytesOf(rank: number, own: Uint8Array): Promise<Uint8Array>;
  /**
   * Work that all do, the last that they do together: a failure of one ends it at all.
   * @param exitCodeOf what the others end with where this rank fails (default: what the error says)
   * @throws as `meet` does
   */
  together<T>(work: () => Promise<T>, exitCodeOf?: (failure: unknown) => number): Promise<T>;
  /** Parts the ranks, when all is done; nothing may be called after it. */
  leave(): Promise<void>;
}

function ownExitCode(failure: unknown): number {
  return failure instanceof UserError ? failure.exitCode : EXIT_CODES.unexpected;
}

/** What ranks of a communicator do together. */
export function peersOf(given: Communicator): Peers {
  const { rank, size, library } = given;
  let isOver = false;
  let isBroken = false;
  let room = new Float32Array(0);
  const sum: Communicator['sum'] = async (values) => {
    try {
      await given.sum(values);
    } catch (error) {
      isBroken = true;
      throw error;
    }
  };
  const communicator = { ...given, sum };
  const meet = async (
    wish: boolean,
    failure?: { readonly reason: unknown; readonly exitCode: number },
  ): Promise<boolean> => {
    const standings = await gatherNumbers(communicator, [
      failure ? 1 : 0,
      failure?.exitCode ?? 0,
      wish ? 1 : 0,
    ]);
    const failed = standings.findIndex(([hasFailed]) => hasFailed === 1);
    if (failed >= 0) {
      isOver = true;
      throw failed === rank ? failure!.reason : new PeerFailure(failed, standings[failed]![1]!);
    }
    return standings.some(([, , wants]) => wants === 1);
  };
  return {
    rank,
    size,
    library,
    isFirst: rank === 0,
    meet: (wish = false) => meet(wish),
    sumArrays(arrays) {
      const total = arrays.reduce((numbers, { length }) => numbers + length, 0);
      const needed = Math.min(total, BUCKET);
      if (room.length < needed) room = new Float32Array(needed);
      return throughBuckets(arrays, room, (bucket) => communicator.sum(bucket));
    },
    gather: (own) => gatherNumbers(communicator, own),
    async told(own) {
      const bytes = await broadcastBytes(communicator, 0, new TextEncoder().encode(own));
      return new TextDecoder().decode(bytes);
    },
    bytesOf: (from, own) => broadcastBytes(communicator, from, own),
    async together(work, exitCodeOf = ownExitCode) {
      let value: Awaited<ReturnType<typeof work>>;
      try {
        value = await work();
      } catch (reason) {
        // Where all have met since, or nothing comes through, there is nobody to tell.
        if (!isOver && !isBroken) await meet(false, { reason, exitCode: exitCodeOf(reason) });
        throw reason;
      }
      await meet(false);
      return value;
    },
    async leave() {
      if (isBroken) return;
      // Nobody ends while others still look after it.
      await sum(new Float64Array(1));
      await given.close();
    },
  };
}

/** Work that ranks may share: a failure of one ends it at all. */
export function sharing<T>(peers: Peers | undefined, work: () => Promise<T>): Promise<T> {
  return peers ? peers.together(work) : work();
}

/** Work that the first rank does before the others, who find what it left for them. */
export async function inTurn<T>(peers: Peers | undefined, work: () => Promise<T>): Promise<T> {
  if (!peers) return work();
  if (!peers.isFirst) await peers.meet();
  const value = await work();
  if (peers.isFirst) await peers.meet();
  return value;
}
