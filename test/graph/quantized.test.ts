import { expect } from 'chai';
import { quantizeTensor } from '../../src/graph/quantized.js';
import { readFloats, storedFloats } from '../../src/graph/weights.js';

describe('weights in whole numbers', () => {
  it('are near the floats, and two neighbours never overflow 16 bits times the largest activation', () => {
    const values = Float32Array.from({ length: 3 * 64 }, (_, at) => (at < 64 ? 1 : Math.sin(at * at)));
    for (const [bits, steps] of [
      [8, 63],
      [4, 7],
    ] as const) {
      const quantized = quantizeTensor(storedFloats([3, 64], values), bits);
      const floats = readFloats(quantized);
      for (const [at, value] of values.entries()) expect(floats[at]).to.be.closeTo(value, 1 / steps);
      const numbers = quantized.quantized!.integers();
      for (let at = 0; at < numbers.length; at += 2)
        expect(Math.abs(numbers[at]! + numbers[at + 1]!) * 255).to.be.below(2 ** 15);
    }
  });

  it('have no way to hide what is not a finite number', () => {
    for (const bits of [8, 4] as const)
      for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        for (const place of [0, 1, 30, 63]) {
          const values = Float32Array.from({ length: 64 }, (_, at) => (at === place ? odd : at - 20));
          const floats = readFloats(quantizeTensor(storedFloats([1, 64], values), bits));
          expect(Number.isFinite(floats[place]), `${odd} at ${place} in ${bits} bits`).to.equal(false);
        }
  });

  it('keep rows of zeros, and what has no whole blocks has 8 bits', () => {
    const zeros = quantizeTensor(storedFloats([2, 33], new Float32Array(66)), 4);
    expect(zeros.quantized!.bits).to.equal(8);
    expect([...readFloats(zeros)].every((value) => value === 0)).to.equal(true);
  });
});
