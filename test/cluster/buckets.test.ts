import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { bucketsOf, throughBuckets } from '../../src/cluster/buckets.js';
import { ringBytes, ringEfficiency, ringSeconds } from '../../src/cluster/ringModel.js';

describe('buckets', () => {
  it('are full but for the last, and hold every number once', () => {
    const lengths = [3, 0, 10, 1, 4];
    const buckets = bucketsOf(lengths, 5);
    expect(buckets.map((pieces) => pieces.reduce((sum, { length }) => sum + length, 0))).to.deep.equal([
      5, 5, 5, 3,
    ]);
    const seen = buckets
      .flat()
      .flatMap(({ array, start, length }) => Array.from({ length }, (_, at) => `${array}:${start + at}`));
    expect(seen).to.deep.equal(
      lengths.flatMap((length, array) => Array.from({ length }, (_, at) => `${array}:${at}`)),
    );
    expect(bucketsOf([], 5)).to.deep.equal([]);
  });

  it('numbers come back to where they were', async () => {
    const arrays = [new Float32Array([1, 2, 3]), new Float32Array([4, 5, 6, 7])];
    const sizes: number[] = [];
    await throughBuckets(arrays, new Float32Array(2), async (bucket) => {
      sizes.push(bucket.length);
      for (const [at, value] of bucket.entries()) bucket[at] = 10 * value;
    });
    expect(arrays.map((array) => Array.from(array))).to.deep.equal([
      [10, 20, 30],
      [40, 50, 60, 70],
    ]);
    expect(sizes).to.deep.equal([2, 2, 2, 1]);
  });
});

describe('the cost of an all-reduce on paper', () => {
  const model = { bytes: 1e9, latency: 1e-5, bandwidth: 1e10, compute: 1 };

  it('is nothing for one rank, and two passes over the bytes for many', () => {
    expect(ringBytes(1e9, 1)).to.equal(0);
    expect(ringSeconds(model, 1)).to.equal(0);
    expect(ringEfficiency(model, 1)).to.equal(1);
    expect(ringBytes(1e9, 2)).to.equal(1e9);
    expect(ringBytes(1e9, 1000)).to.be.closeTo(1.998e9, 1);
  });

  it('adds up latency and bandwidth', () => {
    expect(ringSeconds(model, 8)).to.be.closeTo(14e-5 + 0.175, 1e-12);
    expect(ringEfficiency(model, 8)).to.be.closeTo(1 / 1.17514, 1e-12);
    expect(ringEfficiency(model, 512)).to.be.below(ringEfficiency(model, 64));
  });

  it('is what the page says of several networks', () => {
    const page = readFileSync(new URL('../../../docs/CLUSTER.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| [^|]*\| +(\d+) µs \| +([\d.]+) GB\/s +\|([^\n]*)\|$/gm)];
    expect(rows).to.have.length(4);
    for (const [, latency, bandwidth, shares] of rows) {
      const own = {
        bytes: 1.28e9,
        latency: Number(latency) * 1e-6,
        bandwidth: Number(bandwidth) * 1e9,
        compute: 2,
      };
      const said = shares!.split('|').map((cell) => Number(cell.replace('%', '')));
      for (const [at, ranks] of [8, 64, 512].entries())
        expect(100 * ringEfficiency(own, ranks)).to.be.closeTo(said[at]!, 0.51);
    }
  });
});
