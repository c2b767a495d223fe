import type { Communicator } from '../../src/cluster/communicator.js';
import { type Peers, peersOf } from '../../src/cluster/peers.js';

interface Waiting {
  readonly rank: number;
  readonly values: Float32Array | Float64Array;
  readonly proceed: () => void;
  readonly fail: (error: Error) => void;
}

/** Ranks within this process, whose sums are those of MPI: element by element, in the order of ranks. */
export function localCommunicators(size: number): readonly Communicator[] {
  let waiting: Waiting[] = [];
  const sum = (rank: number) => (values: Float32Array | Float64Array) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ rank, values, proceed: resolve, fail: reject });
      if (waiting.length < size) return;
      const all = [...waiting].sort((a, b) => a.rank - b.rank);
      waiting = [];
      if (new Set(all.map((own) => own.values.length)).size > 1) {
        for (const own of all) own.fail(new Error('ranks call different things'));
        return;
      }
      const total = all[0]!.values.slice();
      for (const own of all.slice(1)) for (const [at, value] of own.values.entries()) total[at]! += value;
      for (const own of all) {
        own.values.set(total);
        own.proceed();
      }
    });
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    library: 'this process',
    sum: sum(rank),
    close: async () => {},
  }));
}

/** Does the same at so many ranks of this process. */
export function atRanks<T>(size: number, work: (peers: Peers) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(
    localCommunicators(size).map((communicator) => {
      const peers = peersOf(communicator);
      return peers.together(() => work(peers));
    }),
  );
}
