import { expect } from 'chai';
import { filterLogits, filterScratch } from '../../src/sampling/filter.js';
import { byLikelihood, normalNumbers, withKept } from '../support/logits.js';

/** Top-k as it is defined. */
function topK(logits: Float32Array, k: number): Float32Array {
  if (k === 0 || k >= logits.length) return logits;
  const smallest = logits[byLikelihood(logits)[k - 1]!]!;
  return logits.map((logit) => (logit >= smallest ? logit : -Infinity));
}

/** Top-p as it is defined. */
function topP(logits: Float32Array, limit: number): Float32Array {
  if (limit >= 1) return logits;
  const tokens = byLikelihood(logits);
  const masses = tokens.map((token) => Math.exp(logits[token]! - logits[tokens[0]!]!));
  const all = masses.reduce((sum, mass) => sum + mass, 0);
  const kept = new Set<number>();
  let before = 0;
  for (const [rank, token] of tokens.entries()) {
    if (before > limit * all) break;
    kept.add(token);
    before += masses[rank]!;
  }
  return withKept(logits, kept);
}

const SIZES = [1, 7, 100, 1000];

describe('filters', () => {
  for (const deviation of [0.01, 1, 6, 50])
    it(`keep what their definitions say where logits deviate by ${deviation}`, () => {
      for (const size of SIZES) {
        const scratch = filterScratch(size);
        for (const k of [0, 1, 2, 50, 999])
          for (const p of [1, 0.97, 0.5, 0.013, 0])
            for (const shift of [0, 40, -40]) {
              const logits = normalNumbers(size, deviation, size + k).map((logit) => logit + shift);
              const before = logits.slice();
              const kept = filterLogits(logits, { topK: k, topP: p }, scratch);
              const what = `${size} tokens, top-k ${k}, top-p ${p}, shift ${shift}`;
              expect(kept, what).to.deep.equal(topP(topK(logits, k), p));
              expect(logits, what).to.deep.equal(before);
            }
      }
    });

  it('keep all that equal the k-th, and the first of equals within a mass', () => {
    const logits = Float32Array.from({ length: 64 }, (_, token) => token % 4);
    const kept = (k: number, p: number) =>
      Array.from(filterLogits(logits, { topK: k, topP: p })).flatMap((logit, token) =>
        logit === -Infinity ? [] : [token],
      );
    const threes = Array.from({ length: 16 }, (_, index) => 4 * index + 3);
    expect(kept(1, 1)).to.deep.equal(threes);
    expect(kept(17, 1)).to.have.length(32);
    // Four of sixteen equal masses do not exceed a quarter, so that the fifth is needed.
    expect(kept(1, 0.25)).to.deep.equal(threes.slice(0, 5));
    expect(kept(1, 0.249)).to.deep.equal(threes.slice(0, 4));
    expect(kept(1, 0)).to.deep.equal(threes.slice(0, 1));
  });

  it('take −0 for what equals 0 among the most likely', () => {
    const logits = Float32Array.of(-1, -0, 0, -0, -1e-40, 0);
    for (const k of [1, 2, 3, 4])
      expect(Array.from(filterLogits(logits, { topK: k, topP: 1 }))).to.deep.equal([
        -Infinity,
        -0,
        0,
        -0,
        -Infinity,
        0,
      ]);
  });

  it('give the logits themselves where nothing is dropped', () => {
    const logits = normalNumbers(20, 1, 0);
    for (const k of [0, 20, 1000]) expect(filterLogits(logits, { topK: k, topP: 1 })).to.equal(logits);
  });
});
