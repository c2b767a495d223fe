import { expect } from 'chai';
import { openSafetensors } from '../../../src/checkpoints/safetensors.js';
import {
  confidenceCounts,
  type Counts,
  haltonCounts,
  originalCounts,
  remaskedCounts,
  remaskedShare,
  v1Counts,
} from '../../../src/sampling/maskedSteps/counts.js';
import { MASK_SCHEDULES, knownShare, unknownShare } from '../../../src/sampling/maskedSteps/shares.js';
import { goldenNumbers, goldenPath } from '../../support/golden.js';

const FILE = 'maskgit-tiny.expected.safetensors';
const golden = goldenNumbers(FILE);
const keys = [...openSafetensors(goldenPath(FILE)).tensors.keys()];

/** Stored tables whose names match, with what the pattern captured. */
function tables(pattern: RegExp): readonly { key: string; parts: readonly string[]; values: number[] }[] {
  const found = keys.flatMap((key) => {
    const match = pattern.exec(key);
    return match ? [{ key, parts: match.slice(1), values: Array.from(golden(key).data) }] : [];
  });
  expect(found).not.to.have.length(0);
  return found;
}

const differences = (counts: readonly number[]) =>
  counts.map((after, step) => after - (counts[step - 1] ?? 0));

describe('counts of masked steps', () => {
  it('are those of the confidence sampler of Halton-MaskGIT', () => {
    for (const { key, parts, values } of tables(/^schedule\.confidence\.(\w+)\.(\d+)\.(\d+)$/)) {
      const [mode, side, steps] = parts as [string, string, string];
      expect(confidenceCounts(Number(side) ** 2, Number(steps), mode), key).to.deep.equal(values);
    }
  });

  it('are those of its Halton sampler', () => {
    for (const { key, parts, values } of tables(/^schedule\.halton\.(\d+)\.(\d+)$/)) {
      const [side, steps] = parts as [string, string];
      expect(haltonCounts(Number(side) ** 2, Number(steps), 'arccos'), key).to.deep.equal(values);
    }
    expect(() => haltonCounts(16, 4, 'cosine')).to.throw(RangeError, "no schedule 'cosine'");
  });

  it('are those of MaskGIT-pytorch 1.0', () => {
    for (const { key, parts, values } of tables(/^v1\.schedule\.(\w+)\.(\d+)\.(\d+)$/)) {
      const [mode, side, steps] = parts as [string, string, string];
      expect(differences(v1Counts(Number(side) ** 2, Number(steps), mode)), key).to.deep.equal(values);
    }
  });

  it('are those of the original', () => {
    for (const { key, parts, values } of tables(/^google\.mask_len\.(\d+)\.(\d+)$/)) {
      const [positions, steps] = parts.map(Number) as [number, number];
      expect(remaskedCounts(positions, steps, 'cosine'), key).to.deep.equal(values);
      const known = values.map((unknown, step) => (step === steps - 1 ? positions : positions - unknown));
      expect(originalCounts(positions, steps, 'cosine'), key).to.deep.equal(known);
    }
  });

  it('follow the schedules of the original', () => {
    const ratios = Array.from(golden('google.schedule.ratio').data);
    for (const { key, parts, values } of tables(/^google\.schedule\.([\w.]+)\.(\d+)$/)) {
      const method = parts[0] === 'uniform' ? 'linear' : parts[0]!;
      for (const [index, ratio] of ratios.entries())
        expect(remaskedShare(method, ratio, Number(parts[1])), `${key} at ${ratio}`).to.be.closeTo(
          values[index]!,
          1.2e-7,
        );
    }
  });

  const rules: Readonly<Record<string, Counts>> = { confidenceCounts, v1Counts, originalCounts };
  for (const [name, counts] of Object.entries({ ...rules, haltonCounts }))
    it(`${name} grow to all tokens with any number of steps`, () => {
      for (const positions of [1, 2, 9, 16, 49, 256])
        for (let steps = 1; steps <= positions; steps++)
          for (const schedule of name === 'haltonCounts' ? ['arccos'] : [...MASK_SCHEDULES, 'pow2.5']) {
            const made = counts(positions, steps, schedule);
            const said = `${positions} tokens in ${steps} steps, ${schedule}: ${made.join()}`;
            expect(made, said).to.have.length(steps);
            expect(made[0], said).to.be.at.least(1);
            expect(Math.min(0, ...differences(made)), said).to.equal(0);
            expect(made.at(-1), said).to.equal(positions);
          }
    });

  it('refuse more steps than tokens and schedules that are none', () => {
    for (const counts of Object.values(rules)) {
      expect(() => counts(16, 17, 'arccos')).to.throw(RangeError, '1 to 16');
      expect(() => counts(16, 0, 'arccos')).to.throw(RangeError, '1 to 16');
      for (const none of ['', 'pow', 'pow0', 'pow-1', 'toString'])
        expect(() => counts(16, 4, none), none).to.throw(RangeError, `no schedule '${none}'`);
    }
  });

  it('come from shares that complete each other', () => {
    for (const schedule of [...MASK_SCHEDULES, 'pow2.5'])
      for (const progress of [0.125, 0.5, 0.875]) {
        const [unknown, known] = [unknownShare(schedule, progress, 256), knownShare(schedule, progress, 256)];
        expect(unknown + known, schedule).to.be.closeTo(1, 1e-7);
        expect(unknown, schedule).to.be.within(0.02, 0.999);
      }
    expect(unknownShare('square', 0.5, 16)).to.equal(0.75);
    expect(unknownShare('pow3', 0.5, 16)).to.equal(0.875);
    expect(unknownShare('log', 0.5, 256)).to.equal(0.125);
    expect(unknownShare('exp', 0.5, 256)).to.equal(0.9375);
  });
});
