import { expect } from 'chai';
import {
  halfToNumber,
  numberToHalf,
  readFloats,
  storedFloats,
  toHalfPrecision,
} from '../../src/graph/weights.js';

describe('half precision', () => {
  it('every half-precision number survives', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToNumber(bits);
      if (Number.isNaN(value)) expect(numberToHalf(value) & 0x7e00).to.equal(0x7e00);
      else expect(numberToHalf(value), String(value)).to.equal(bits);
    }
  });

  it('others go to the nearest, ties to the even one', () => {
    for (let bits = 0; bits < 0x7bff; bits += 7) {
      const [low, high] = [halfToNumber(bits), halfToNumber(bits + 1)];
      const middle = (low + high) / 2;
      expect(numberToHalf(low + (high - low) * 0.49)).to.equal(bits);
      expect(numberToHalf(low + (high - low) * 0.51)).to.equal(bits + 1);
      expect(numberToHalf(middle)).to.equal(bits % 2 === 0 ? bits : bits + 1);
      expect(numberToHalf(-middle)).to.equal((bits % 2 === 0 ? bits : bits + 1) | 0x8000);
    }
    expect(numberToHalf(1e6)).to.equal(0x7c00);
    expect(numberToHalf(1e-12)).to.equal(0);
  });

  it('weights are converted when they are read', () => {
    const half = toHalfPrecision(new Map([['w', storedFloats([3], Float32Array.of(1, -0.1, 65504))]]));
    expect(half.get('w')!.dtype).to.equal('f16');
    const values = Array.from(readFloats(half.get('w')!));
    expect(values[0]).to.equal(1);
    expect(values[1]).to.be.closeTo(-0.1, 1e-4);
    expect(values[2]).to.equal(65504);
  });
});
