import { expect } from 'chai';
import type { Plan } from '../../src/sampling/plan.js';
import { workOfSteps } from '../../src/sampling/work.js';

describe('the work of steps', () => {
  const grid = { height: 4, width: 4 };
  const planOf = (...sizes: readonly Readonly<Record<string, number>>[]): Plan => ({
    steps: sizes.map((own) => ({ predicts: 1, runs: [{ graph: 'step', sizes: own }] })),
  });

  it('is more where more tokens are fed or asked for, of more pictures', () => {
    const [few, many, pictures] = workOfSteps(
      planOf(
        { batch: 2, content: 1, queries: 1, past: 0 },
        { batch: 2, content: 8, queries: 8, past: 900 },
        { batch: 8, content: 8, queries: 8, past: 0 },
      ),
      grid,
    );
    expect(many! - few!).to.equal(2 * 14);
    expect(pictures! - many!).to.equal(6 * 16);
    // The call itself takes its time.
    expect(few).to.be.above(2 * 2);
  });

  it('is that of the whole grid where a call names no tokens', () => {
    const [one, four] = workOfSteps(planOf({ batch: 1 }, { batch: 4 }), grid);
    expect(four! - one!).to.equal(3 * 16);
  });
});
