import type { PlannedCombination } from './combinations.js';
import type { Measurement } from './measure.js';

/** A combination with its rounds, or the reason why it has none. */
export interface MeasuredCombination extends PlannedCombination {
  readonly rounds: readonly Measurement[];
}

/** How a round of a combination ended. */
export type RoundResult = { readonly measured: Measurement } | { readonly reason: string };

/**
 * Measures combinations in turn, round by round, so that whatever else the machine does meets all alike. What fails once is
 * left out from then on.
 * @param run measures one round of a combination
 * @param onDone hears how many measurements are over, of those of all rounds
 */
export async function measureInTurn(
  combinations: readonly PlannedCombination[],
  rounds: number,
  run: (combination: PlannedCombination, round: number) => Promise<RoundResult>,
  onDone: (done: number) => void = () => {},
): Promise<readonly MeasuredCombination[]> {
  const measured = combinations.map(() => [] as Measurement[]);
  const reasons = combinations.map(({ reason }) => reason);
  let done = 0;
  for (let round = 0; round < rounds; round++)
    for (const [index, combination] of combinations.entries()) {
      if (reasons[index] === undefined) {
        const result = await run(combination, round);
        if ('measured' in result) measured[index]!.push(result.measured);
        else reasons[index] = result.reason;
      }
      onDone(++done);
    }
  return combinations.map(({ reason: _, ...combination }, index) => {
    const reason = reasons[index];
    return reason === undefined
      ? { ...combination, rounds: measured[index]! }
      : { ...combination, rounds: [], reason };
  });
}
