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

  it('tensors become floats element by element, those of bfloat16 too', () => {
    const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
    const bytes = new Uint8Array(all.buffer);
    // A tensor need not start at an even address.
    const odd = new Uint8Array(bytes.length + 1).subarray(1);
    odd.set(bytes);
    const stored = (dtype: 'f16' | 'bf16', read: () => Uint8Array) => ({ dtype, shape: [0x10000], read });
    const halves = [bytes, odd].map((elements) => readFloats(stored('f16', () => elements)));
    const brains = readFloats(stored('bf16', () => odd));
    const view = new DataView(new ArrayBuffer(4));
    const wrong = all.filter((bits) => {
      view.setUint32(0, bits << 16);
      const same = [...halves.map((floats) => [floats[bits], halfToNumber(bits)] as const)].every(
        ([float, exact]) => Object.is(float, exact),
      );
      return !same || !Object.is(brains[bits], view.getFloat32(0));
    });
    expect([...wrong]).to.deep.equal([]);
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
