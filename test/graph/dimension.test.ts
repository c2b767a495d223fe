import { expect } from 'chai';
import {
  addDims,
  bindShape,
  dim,
  divideDimExactly,
  equalDims,
  evaluateDim,
  floorDivideDim,
  formatDim,
  multiplyDims,
  parseDim,
  subtractDims,
} from '../../src/graph/dimension.js';

const [batch, past] = [dim('batch'), dim('past')];

describe('dimensions', () => {
  it('add, multiply and subtract as polynomials', () => {
    expect(formatDim(addDims(past, 3))).to.equal('past + 3');
    expect(formatDim(multiplyDims(addDims(past, 1), batch))).to.equal('batch + batch*past');
    expect(formatDim(subtractDims(multiplyDims(2, batch), batch))).to.equal('batch');
    expect(subtractDims(addDims(past, 5), past)).to.equal(5);
    expect(equalDims(addDims(batch, past), addDims(past, batch))).to.equal(true);
  });

  it('divide where the quotient is a polynomial', () => {
    expect(formatDim(floorDivideDim(addDims(multiplyDims(16, batch), -2), 2))).to.equal('8*batch - 1');
    expect(formatDim(floorDivideDim(addDims(multiplyDims(2, batch), 3), 2))).to.equal('batch + 1');
    expect(() => floorDivideDim(batch, 2)).to.throw(RangeError, 'batch is not known to be divisible by 2');
    expect(
      formatDim(divideDimExactly(multiplyDims(multiplyDims(batch, past), 4), multiplyDims(batch, 2))!),
    ).to.equal('2*past');
    expect(divideDimExactly(batch, past)).to.equal(undefined);
  });

  it('that are numbers stay plain ones', () => {
    expect(addDims(2, -2)).to.equal(0);
    expect(multiplyDims(0, -1)).to.satisfy((zero: number) => Object.is(zero, 0));
    expect(multiplyDims(batch, 0)).to.equal(0);
    expect(multiplyDims(-3, 4)).to.equal(-12);
    expect(formatDim(multiplyDims(-2, addDims(batch, 1)))).to.equal('-2*batch - 2');
    expect(floorDivideDim(-7, 2)).to.equal(-4);
    expect(divideDimExactly(12, -4)).to.equal(-3);
    expect(divideDimExactly(12, 5)).to.equal(undefined);
    expect(divideDimExactly(12, 0)).to.equal(undefined);
    expect(divideDimExactly(0, 0)).to.equal(1);
    expect(divideDimExactly(0, -4)).to.satisfy((zero: number) => Object.is(zero, 0));
    expect(divideDimExactly(multiplyDims(batch, 4), 2)?.toString()).to.equal('2*batch');
  });

  it('survive printing and parsing', () => {
    for (const text of [
      'batch',
      '7',
      '-3',
      '2*batch + past - 1',
      'batch*past',
      '16*batch*past - 2*past + 40',
    ])
      expect(formatDim(parseDim(text))).to.equal(formatDim(parseDim(formatDim(parseDim(text)))));
    expect(evaluateDim(parseDim('2*batch*past - 3'), { batch: 4, past: 5 })).to.equal(37);
    for (const text of ['', '2 batch', 'a*', 'é']) expect(() => parseDim(text), text).to.throw(SyntaxError);
  });

  it('are found from the sizes of an input', () => {
    expect(bindShape([batch, multiplyDims(16, past), 3], [2, 64, 3], {})).to.deep.equal({
      batch: 2,
      past: 4,
    });
    expect(() => bindShape([batch, multiplyDims(16, past)], [2, 60], {})).to.throw(
      RangeError,
      'axis 1 has size 60',
    );
    expect(() => bindShape([batch], [3], { batch: 2 })).to.throw(RangeError, 'axis 0 has size 3');
    expect(() => bindShape([batch, 4], [2], {})).to.throw(RangeError, 'expected 2 axes');
  });
});
