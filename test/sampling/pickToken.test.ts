import { expect } from 'chai';
import { type TokenWords, tokenWords } from '../../src/random/draws.js';
import { RUN_WORDS } from '../../src/random/philoxRun.js';
import { pickToken } from '../../src/sampling/pickToken.js';
import { normalNumbers, withKept } from '../support/logits.js';

/** The race as it is defined: each token's speed, the first of the fastest. */
function fastest(logits: Float32Array, words: TokenWords): number {
  const largest = Math.max(...logits);
  const speeds = Array.from(logits, (logit, token) => {
    const word = words(token - (token % RUN_WORDS))[token % RUN_WORDS]!;
    return Math.exp(logit - largest) / -Math.log((word + 0.5) / 2 ** 32);
  });
  return speeds.indexOf(Math.max(...speeds));
}

/** Words by a rule. */
const wordsBy =
  (rule: (token: number) => number): TokenWords =>
  (first) =>
    Uint32Array.from({ length: RUN_WORDS }, (_, index) => rule(first + index));

const SIZES = [1, 5, 63, 64, 65, 1000, 4096];

describe('the race for a token', () => {
  for (const deviation of [0, 1e-6, 1, 5, 30, 1e4, 3e37])
    it(`is won by the fastest token where logits deviate by ${deviation}`, () => {
      for (const size of SIZES)
        for (let seed = 0; seed < 12; seed++) {
          const logits = normalNumbers(size, deviation, seed);
          const words = tokenWords(seed, 1, size);
          expect(pickToken(logits, words), `${size} tokens, seed ${seed}`).to.equal(fastest(logits, words));
        }
    });

  it('is won by the fastest of those that are kept', () => {
    for (let seed = 0; seed < 40; seed++) {
      const all = normalNumbers(1000, 2, seed);
      const kept = new Set(Array.from(all.keys()).filter((token) => (token * 7919 + seed) % 97 < 2));
      const words = tokenWords(seed, 0, 3);
      expect(pickToken(withKept(all, kept), words)).to.equal(fastest(withKept(all, kept), words));
    }
  });

  it('is won by the first of equally fast ones, also where another begins', () => {
    const same = wordsBy(() => 0x80000000);
    expect(pickToken(new Float32Array(300), same)).to.equal(0);
    const logits = new Float32Array(300).fill(-Infinity);
    for (const token of [70, 71, 150, 299]) logits[token] = 3;
    expect(pickToken(logits, same)).to.equal(70);
    // Token 200 is the likeliest, so that its run begins; the winner comes before it, or after.
    const likely = new Float32Array(300);
    likely[200] = 1;
    const lucky = (winner: readonly number[]) =>
      wordsBy((token) => (winner.includes(token) ? 0xffffffff : token === 200 ? 0 : 0x1000));
    expect(pickToken(likely, lucky([10, 60, 210, 290]))).to.equal(10);
    expect(pickToken(likely, lucky([290, 230]))).to.equal(230);
  });

  it('is won with the largest word by a token that is hardly less likely than that allows', () => {
    // −log(1 − 2⁻³³) is the smallest exponential number: a gap of up to 33·log 2 is made up for.
    const wins = (gap: number) => {
      const logits = new Float32Array(200).fill(-200);
      logits[3] = 0;
      logits[150] = -gap;
      // The exponential number of token 3 is nearly 1.
      return pickToken(
        logits,
        wordsBy((token) => (token === 150 ? 0xffffffff : 0x5e2d58d8)),
      );
    };
    expect(wins(33 * Math.LN2 - 1e-5)).to.equal(150);
    expect(wins(33 * Math.LN2 + 1e-5)).to.equal(3);
  });
});
