import { expect } from 'chai';
import type { Target } from '../../../src/targets/target.js';
import { goldenPath } from '../golden.js';
import type { Outcome } from './checklist.js';
import { openGoldenSet } from './goldenSet.js';
import { replay } from './replay.js';
import { describeOutcome } from './report.js';

/** The lines that say what is wrong. */
export const faults = (outcome: Outcome): readonly string[] =>
  describeOutcome('set', 'target', outcome).filter((line) => /WRONG|NOT CHECKED/.test(line));

/**
 * Expects a target to give the numbers of a reference set.
 * @param parts keys that are checked, `*` stands for anything; every key where there are none
 */
export async function expectSet(name: string, target: Target, parts: readonly string[] = []): Promise<void> {
  const set = await openGoldenSet(goldenPath(name));
  for (const only of parts.length > 0 ? parts : [undefined]) {
    const outcome = await replay(set, target, only);
    expect(faults(outcome)).to.deep.equal([]);
    expect(outcome.checked).to.be.greaterThan(0);
    if (only === undefined) expect(outcome.checked).to.equal(set.numbers.size);
  }
}
