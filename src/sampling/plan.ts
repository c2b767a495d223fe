import type { DimBindings } from '../graph/dimension.js';
import type { Grid } from '../../graphs/rotary.js';
import type { SettingValues } from './request.js';

/** One call of a graph: its name among the system's, and the sizes of its symbolic dims. */
export interface GraphRun {
  readonly graph: string;
  readonly sizes: DimBindings;
  /** Whether it is next to no work beside the other calls (default false). */
  readonly isLight?: boolean;
}

/** One step of sampling. */
export interface PlanStep {
  /** Tokens of each picture that become known. */
  readonly predicts: number;
  /** The calls, in order. */
  readonly runs: readonly GraphRun[];
}

/** How a batch is sampled, as data: worked out before the first step. Progress, memory and exported pages read it. */
export interface Plan {
  readonly steps: readonly PlanStep[];
}

/** What a plan is made for. */
export interface PlanRequest {
  readonly grid: Grid;
  /** Tokens of each picture to predict, and those that are given. */
  readonly predicted: number;
  readonly known: number;
  readonly steps: number;
  readonly schedule: string;
  /** The system's own settings, the defaults filled in. */
  readonly own: SettingValues;
  /** Pictures of the batch, twice as many if they are guided. */
  readonly rows: number;
  readonly isGuided: boolean;
}

/** The positions of an order that each step predicts. */
export function predictedPositions(
  plan: Plan,
): (order: readonly number[], step: number) => readonly number[] {
  const start = knownBefore(plan);
  return (order, step) => order.slice(start[step], start[step]! + plan.steps[step]!.predicts);
}

/** How many tokens are known before each step, those that are given left out. */
export function knownBefore({ steps }: Plan): readonly number[] {
  let known = 0;
  return steps.map(({ predicts }) => {
    const before = known;
    known += predicts;
    return before;
  });
}

/**
 * Refuses what is not the one way in which a system draws a grid.
 * @param counts tokens that each step predicts, of the whole grid
 * @throws RangeError for other steps, and for parts of the grid.
 */
export function requireFixedSteps(
  counts: readonly number[],
  { grid, predicted, steps }: Pick<PlanRequest, 'grid' | 'predicted' | 'steps'>,
): void {
  if (steps !== counts.length || predicted !== grid.height * grid.width)
    throw new RangeError(`${steps} steps for ${predicted} tokens: there must be ${counts.length}, for all`);
}
