import { UserError } from '../errors.js';
import { resolveSettings } from '../library/settings.js';
import { inRunPrecision, precisionOf, type RunPrecision } from '../models/precision.js';
import { machineMemory } from '../memoryLimit.js';
import type { BenchModel } from './models.js';
import { type PlannedWork, workPlanner } from './plannedWork.js';

/** What is combined with what. */
export interface BenchChoices {
  readonly models: readonly BenchModel[];
  readonly batches: readonly number[];
  /** Undefined is the system's own number. */
  readonly steps: readonly (number | undefined)[];
  readonly targets: readonly string[];
  /** Undefined is as the model is stored. */
  readonly precisions: readonly (RunPrecision | undefined)[];
}

/** One of all combinations, and what is known of it before it runs. */
export interface PlannedCombination {
  readonly model: BenchModel;
  readonly batch: number;
  /** Undefined where the system does not take those that were asked for. */
  readonly steps: number | undefined;
  readonly guidance: number | undefined;
  readonly target: string;
  readonly precision: RunPrecision;
  /** Undefined where it cannot be done. */
  readonly plan?: PlannedWork;
  /** Why it is not measured. */
  readonly reason?: string;
}

const GIGABYTE = 2 ** 30;

/** Bytes of memory that are free, as far as the system or its container says. */
export function freeMemory(): number {
  const limit = machineMemory();
  const available = process.availableMemory();
  return available > 0 ? Math.min(limit, available) : limit;
}

/** Why work does not fit into memory; undefined where it does. */
export function memoryFault(
  { weightBytes, cacheBytes, activationBytes }: PlannedWork,
  available: number,
): string | undefined {
  const needed = weightBytes + cacheBytes + activationBytes;
  if (needed <= available) return undefined;
  const gigabytes = (bytes: number) => (bytes / GIGABYTE).toFixed(1);
  return `needs ${gigabytes(needed)} GB of memory, and ${gigabytes(available)} GB are free`;
}

/** @param available bytes of memory that are free */
function planned(
  model: BenchModel,
  plan: ReturnType<typeof workPlanner>,
  choice: Omit<PlannedCombination, 'model' | 'steps' | 'guidance' | 'precision'> & {
    readonly steps: number | undefined;
    readonly precision: RunPrecision | undefined;
  },
  available: number,
): PlannedCombination {
  const { generator } = model;
  const { batch, target, steps } = choice;
  const precision = choice.precision ?? precisionOf(generator.weights);
  const own = { model, batch, target, precision };
  try {
    const { grid } = generator.system.config.facts(generator.config);
    const settings = resolveSettings({ seed: 0, ...(steps !== undefined && { steps }) }, generator, grid);
    const { weights } = inRunPrecision(generator, precision, model.name);
    const work = plan(grid, settings, batch, weights);
    const reason = memoryFault(work, available);
    return {
      ...own,
      steps: settings.steps,
      guidance: settings.guidance,
      plan: work,
      ...(reason !== undefined && { reason }),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...own, steps, guidance: undefined, reason: error.message };
  }
}

/** All combinations, model by model; of what a system or the memory does not allow, the reason. */
export function combine(choices: BenchChoices, available: number): readonly PlannedCombination[] {
  const { models, batches, steps, targets, precisions } = choices;
  return models.flatMap((model) => {
    const plan = workPlanner(model.generator);
    return targets.flatMap((target) =>
      precisions.flatMap((precision) =>
        steps.flatMap((count) =>
          batches.map((batch) => planned(model, plan, { batch, target, precision, steps: count }, available)),
        ),
      ),
    );
  });
}
