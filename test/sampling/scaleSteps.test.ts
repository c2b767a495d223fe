import { expect } from 'chai';
import { keptCodes } from '../../src/sampling/scaleSteps/keptCodes.js';
import { scaleNoise } from '../../src/sampling/scaleSteps/noise.js';
import { smoothShares } from '../../src/sampling/scaleSteps/smoothShares.js';

describe('codes that are kept', () => {
  const keptOf = (rows: readonly string[], sides: readonly number[]) =>
    Array.from(
      keptCodes(
        [...rows.join('')].map((cell) => Number(cell === '#')),
        sides,
      ),
    );

  it('are those of places that are kept by more than half, and the one of a single code', () => {
    // A place of two by two of which two are kept is not.
    expect(keptOf(['##..', '##..', '#...', '....'], [1, 2, 4])).to.deep.equal([
      ...[1],
      ...[1, 0, 0, 0],
      ...[1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect(keptOf(['.#', '.#'], [1, 2])).to.deep.equal([1, 0, 1, 0, 1]);
    expect(keptOf(['..', '..'], [1, 2])[0]).to.equal(1);
  });
});

describe('mixtures of codes', () => {
  const sharesOf = (logits: readonly number[], progress: number, gumbel: readonly number[]) => {
    const into = new Float32Array(logits.length);
    smoothShares(Float32Array.from(logits), progress, gumbel, into);
    return Array.from(into);
  };

  it('harden from the first scale to the last, and never beyond what is least', () => {
    const logits = [0.1, 0, -Infinity];
    const first = sharesOf(logits, 0, [0, 0, 9]);
    expect(first[0]! / first[1]!).to.be.closeTo(Math.exp(0.1 / 0.27), 1e-5);
    expect(first[2]).to.equal(0);
    const last = sharesOf([0.01, 0], 1, [0, 0]);
    expect(last[0]! / last[1]!).to.be.closeTo(Math.exp(0.02 / 0.0135), 1e-4);
    // Beyond 1 the softness would fall below the least.
    const beyond = sharesOf([0.01, 0], 1.05, [0, 0]);
    expect(beyond[0]! / beyond[1]!).to.be.closeTo(Math.exp((0.01 * 2.05) / 0.005), 1e-2);
  });

  it('noise decides between codes that are as likely', () => {
    const [a, b] = sharesOf([1, 1], 0.5, [2, 0]);
    expect(a).to.be.greaterThan(b!);
    expect(a! + b!).to.be.closeTo(1, 1e-6);
  });
});

describe('noise of scales', () => {
  it('depends on the seed, the picture, the place and whether it is drawn anew', () => {
    const base = { index: 2 };
    const of = (seed: number, picture: { index: number; isRedrawn?: boolean }, place: number) =>
      Array.from(scaleNoise(seed, picture).gumbel(place, 70)).join();
    const own = of(1, base, 5);
    expect(of(1, base, 5)).to.equal(own);
    for (const other of [
      of(2, base, 5),
      of(1, { index: 3 }, 5),
      of(1, base, 6),
      of(1, { ...base, isRedrawn: true }, 5),
    ])
      expect(other).to.not.equal(own);
  });

  it('is of the Gumbel distribution', () => {
    const noise = Array.from({ length: 40 }, (_, place) =>
      Array.from(scaleNoise(3, { index: 0 }).gumbel(place, 500)),
    ).flat();
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length;
    expect(mean).to.be.closeTo(0.5772, 0.04);
    expect(variance).to.be.closeTo(Math.PI ** 2 / 6, 0.08);
  });
});
