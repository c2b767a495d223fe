import { expect } from 'chai';
import { RUN_WORDS } from '../../../src/random/philoxRun.js';
import { confidenceRule, fallingToLast } from '../../../src/sampling/maskedSteps/confidenceRule.js';
import { haltonRule } from '../../../src/sampling/maskedSteps/haltonRule.js';
import { type ChoiceNoise, mostConfident } from '../../../src/sampling/maskedSteps/mostConfident.js';
import { drawnNoise } from '../../../src/sampling/maskedSteps/noise.js';
import { originalRule } from '../../../src/sampling/maskedSteps/originalRule.js';
import type { ChoosingRule, Draw, StepView } from '../../../src/sampling/maskedSteps/rule.js';
import { v1Rule } from '../../../src/sampling/maskedSteps/v1Rule.js';

/** Gumbel numbers that fall with the position, uniform numbers that grow with it. */
const noise = {
  race: () => () => new Uint32Array(RUN_WORDS),
  gumbel: (_: number, position: number) => -position,
  uniform: (_: number, position: number) => position / 10,
};

/** Eight positions, of which 1 and 6 are known. */
const view = (step: number, after: number, more: Partial<StepView> = {}): StepView => ({
  ...{ step, steps: 5, after, noise, order: [3, 1, 4, 6, 0, 7, 2, 5] },
  isKnown: (position) => position === 1 || position === 6,
  ...more,
});

/** The confidence is the lower, the lower the position. */
const draws = new Map(
  Array.from({ length: 8 }, (_, position): [number, Draw] => [
    position,
    { code: position, logProbability: position - 9 },
  ]),
);

const NONE: ChoiceNoise = { kind: 'none', temperature: 4.5 };
const choose = (rule: ChoosingRule, own: StepView) => [...rule.choose!(own, draws)].sort((a, b) => a - b);

describe('choosing rules', () => {
  it('halton takes positions in their order', () => {
    expect(haltonRule(false).candidates(view(0, 4))).to.deep.equal([3, 1, 4, 6]);
    expect(haltonRule(true).candidates(view(0, 4))).to.deep.equal([3, 4]);
    expect(haltonRule(false).choose).to.equal(undefined);
  });

  it('confidence takes the surest and all that are known, or leaves these as they are', () => {
    expect(choose(confidenceRule(false, NONE), view(1, 4))).to.deep.equal([1, 5, 6, 7]);
    expect(confidenceRule(false, NONE).candidates(view(1, 4))).to.have.length(8);
    expect(choose(confidenceRule(true, NONE), view(1, 4))).to.deep.equal([5, 7]);
    expect([...confidenceRule(true, NONE).candidates(view(1, 4))].sort()).to.deep.equal([0, 2, 3, 4, 5, 7]);
  });

  it('no more are taken where more are known than the step asks for', () => {
    expect(choose(confidenceRule(false, NONE), view(0, 1))).to.deep.equal([1, 6]);
    expect(choose(v1Rule(NONE), view(0, 2))).to.deep.equal([]);
  });

  it('v1 and the original take as many more as the step asks for', () => {
    for (const rule of [v1Rule(NONE), originalRule(NONE)]) {
      expect(choose(rule, view(2, 5))).to.deep.equal([4, 5, 7]);
      expect(rule.candidates(view(2, 5))).to.have.length(6);
      expect(rule.forgetsMasks).to.equal(false);
    }
    expect([v1Rule(NONE).drawsMask, originalRule(NONE).drawsMask]).to.deep.equal([true, false]);
    expect(confidenceRule(false, NONE).forgetsMasks).to.equal(true);
  });

  it('linear noise falls to nothing in the last step, the original one step of shares earlier', () => {
    const linear: ChoiceNoise = { kind: 'linear', temperature: 2 };
    // The weight in step 2 of 5 is 1 where noise falls to the last, and 0.8 in the original: 1 cancels the confidence.
    expect(choose(v1Rule(linear), view(0, 3))).to.deep.equal([0]);
    expect(choose(v1Rule(linear), view(2, 3))).to.deep.equal([0]);
    expect(choose(originalRule(linear), view(2, 3))).to.deep.equal([7]);
    expect(choose(v1Rule(linear), view(4, 3))).to.deep.equal([7]);
    expect([0, 2, 4].map((step) => fallingToLast(step, 5))).to.deep.equal([1, 0.5, 0]);
    expect(fallingToLast(0, 1)).to.equal(0);
  });

  it('random noise stands in for the confidence, in warm-up in two steps', () => {
    const rising = (kind: ChoiceNoise['kind'], step: number) =>
      mostConfident(
        view(step, 3, { noise: { ...noise, uniform: (_, position) => -position } }),
        draws,
        { kind, temperature: 4.5 },
        fallingToLast,
      );
    for (const step of [0, 1, 2, 4]) expect(rising('random', step)).to.deep.equal([0]);
    expect([0, 1, 2].map((step) => rising('warm-up', step)[0])).to.deep.equal([0, 0, 7]);
    expect(rising('none', 0)).to.deep.equal([7]);
  });

  it('of equal confidence the earlier position is taken', () => {
    const equal = new Map([...draws.keys()].map((position) => [position, { code: 0, logProbability: -1 }]));
    expect(mostConfident(view(0, 4), equal, NONE, fallingToLast)).to.deep.equal([0, 2]);
    const impossible = new Map([...draws.keys()].map((at) => [at, { code: 0, logProbability: -Infinity }]));
    expect(mostConfident(view(0, 4), impossible, NONE, fallingToLast)).to.deep.equal([0, 2]);
  });
});

describe('noise of a picture', () => {
  it('depends on the seed, the picture, the step, the position and whether it is drawn anew', () => {
    const numbers = (seed: number, index: number, isRedrawn = false) => {
      const own = drawnNoise(seed, 4, { index, isRedrawn });
      return [0, 1].flatMap((step) =>
        [0, 1, 2, 3].flatMap((position) => [own.uniform(step, position), own.race(step, position)(0)[0]!]),
      );
    };
    const all = [numbers(1, 0), numbers(2, 0), numbers(1, 1), numbers(1, 0, true)].flat();
    expect(new Set(all).size).to.equal(all.length);
    expect(numbers(1, 0)).to.deep.equal(numbers(1, 0));
  });

  it('is of the distributions that it says', () => {
    const count = 20000;
    const of = (draw: (index: number) => number) => Array.from({ length: count }, (_, index) => draw(index));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / count;
    const noises = drawnNoise(5, 1, { index: 0 });
    const uniform = of((step) => noises.uniform(step, 0));
    const gumbel = of((step) => noises.gumbel(step, 0));
    expect(Math.min(...uniform)).to.be.greaterThan(0);
    expect(Math.max(...uniform)).to.be.lessThan(1);
    expect(mean(uniform)).to.be.closeTo(0.5, 0.01);
    // Euler's constant, and π²/6.
    expect(mean(gumbel)).to.be.closeTo(0.5772, 0.03);
    expect(mean(gumbel.map((value) => (value - 0.5772) ** 2))).to.be.closeTo(1.645, 0.08);
  });
});
