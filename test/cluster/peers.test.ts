import { expect } from 'chai';
import { InputError, UsageError } from '../../src/errors.js';
import { PeerFailure, inTurn, peersOf } from '../../src/cluster/peers.js';
import { atRanks, localCommunicators } from '../support/localRanks.js';

describe('peers', () => {
  it('sum arrays, hear each other and the first', async () => {
    const results = await atRanks(3, async (peers) => {
      const arrays = [new Float32Array([peers.rank, 1]), new Float32Array([2 ** peers.rank])];
      await peers.sumArrays(arrays);
      const said = await peers.gather([peers.rank, 7]);
      const told = await peers.told(peers.isFirst ? 'grüße' : 'ignored');
      return { arrays: arrays.map((array) => Array.from(array)), said, told };
    });
    for (const result of results)
      expect(result).to.deep.equal({
        arrays: [[3, 3], [7]],
        said: [
          [0, 7],
          [1, 7],
          [2, 7],
        ],
        told: 'grüße',
      });
  });

  it('bytes of any rank and length reach all', async () => {
    const own = (rank: number) => Uint8Array.from({ length: 1000 * rank }, (_, at) => (at * 7 + rank) % 256);
    const results = await atRanks(2, (peers) => peers.bytesOf(1, own(peers.rank)));
    for (const result of results) expect(result).to.deep.equal(own(1));
  });

  it('one that wants to stop stops all, after the same meeting', async () => {
    const results = await atRanks(3, async (peers) => [
      await peers.meet(),
      await peers.meet(peers.rank === 2),
    ]);
    for (const result of results) expect(result).to.deep.equal([false, true]);
  });

  it('one that fails ends all: it says why, the others that it failed', async () => {
    const outcomes = await Promise.all(
      localCommunicators(3).map(async (communicator) => {
        const peers = peersOf(communicator);
        return peers
          .together(async () => {
            await peers.meet();
            if (peers.rank === 1) throw new InputError('this rank cannot read it');
            await peers.meet();
          })
          .catch((error: Error) => error);
      }),
    );
    expect(outcomes[1]).to.be.instanceOf(InputError);
    for (const rank of [0, 2]) {
      expect(outcomes[rank]).to.be.instanceOf(PeerFailure);
      expect((outcomes[rank] as PeerFailure).exitCode).to.equal(3);
    }
  });

  it('where all fail alike, the first says it', async () => {
    const outcomes = await Promise.all(
      localCommunicators(2).map(async (communicator) => {
        const peers = peersOf(communicator);
        return peers
          .together(() => Promise.reject(new UsageError('nonsense')))
          .catch((error: Error) => error.constructor.name);
      }),
    );
    expect(outcomes).to.deep.equal(['UsageError', 'PeerFailure']);
  });

  it('the first works before the others', async () => {
    const order: number[] = [];
    await atRanks(3, (peers) =>
      inTurn(peers, async () => {
        await new Promise((resolve) => setTimeout(resolve, peers.isFirst ? 30 : 0));
        order.push(peers.rank);
      }),
    );
    expect(order[0]).to.equal(0);
    expect([...order].sort()).to.deep.equal([0, 1, 2]);
  });
});
