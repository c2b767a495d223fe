import { expect } from 'chai';
import { haltonOrder, rolled } from '../../../src/sampling/maskedSteps/halton.js';
import { isPermutation } from '../../../src/sampling/order.js';
import { goldenNumbers } from '../../support/golden.js';

const golden = goldenNumbers('maskgit-tiny.expected.safetensors');

describe('Halton order', () => {
  for (const side of [4, 16, 24])
    it(`of ${side} × ${side} is the official one`, () => {
      const { data } = golden(`halton.${side}`);
      const stored = Array.from({ length: side * side }, (_, at) => data[2 * at]! * side + data[2 * at + 1]!);
      expect(haltonOrder({ height: side, width: side })).to.deep.equal(stored);
    });

  it('visits every position of any grid once', () => {
    for (const [height, width] of [
      [1, 1],
      [1, 7],
      [5, 3],
      [9, 18],
      [64, 57],
    ] as const)
      expect(isPermutation(haltonOrder({ height, width }), height * width), `${height} × ${width}`).to.equal(
        true,
      );
  });

  it('takes rows by base 2 and columns by base 3, from exact fractions', () => {
    expect(haltonOrder({ height: 2, width: 3 })).to.deep.equal([4, 2, 3, 1, 5, 0]);
    // Point 1 is (1/2, 1/3): column 3 of 9, not 2.
    expect(haltonOrder({ height: 9, width: 9 })[0]).to.equal(4 * 9 + 3);
  });

  it('starts elsewhere when rolled', () => {
    expect(rolled([7, 8, 9, 6], 1)).to.deep.equal([6, 7, 8, 9]);
    expect(rolled([7, 8, 9, 6], 0)).to.deep.equal([7, 8, 9, 6]);
    expect(rolled([7, 8, 9, 6], 5)).to.deep.equal([6, 7, 8, 9]);
  });
});
