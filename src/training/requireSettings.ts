import { faultOfNumber, faultOfSeed, faultOfShare, faultOfWhole } from '../sampling/settingFaults.js';
import { UsageError } from '../errors.js';
import type { TrainingSettings } from './trainingLoop.js';

/** What both kinds of runs are given about their batches. */
interface BatchSettings {
  readonly batchSize: number;
  readonly heldOutShare: number;
  readonly parts: number;
  readonly settings: Pick<TrainingSettings, 'peers'>;
}

function requireNone(faults: readonly (string | undefined)[]): void {
  const fault = faults.find((found) => found !== undefined);
  if (fault !== undefined) throw new UsageError(fault);
}

/** @throws UsageError naming what is out of range, or that a batch does not divide into its parts. */
export function requireBatchSettings({ batchSize, heldOutShare, parts, settings }: BatchSettings): void {
  const ranks = settings.peers?.size ?? 1;
  requireNone([
    faultOfWhole(batchSize, 'batchSize', 1),
    faultOfShare(heldOutShare, 'heldOutShare'),
    faultOfWhole(parts, 'parts', 1),
    batchSize % parts === 0 ? undefined : `batchSize ${batchSize} does not divide into ${parts} parts`,
    batchSize % (parts * ranks) === 0
      ? undefined
      : `batchSize ${batchSize} does not divide into ${parts} parts that ${ranks} ranks share`,
  ]);
}

/** @throws UsageError naming the share that is out of range. */
export function requireShares(shares: Readonly<Record<string, number>>): void {
  requireNone(Object.entries(shares).map(([name, value]) => faultOfShare(value, name)));
}

/** @throws UsageError naming what is out of range. */
export function requireLoopSettings(
  settings: Pick<TrainingSettings, 'seed' | 'totalSteps' | 'checkpointEvery' | 'learningRate' | 'optimizer'>,
): void {
  const { peak, final, warmupSteps, totalSteps } = settings.learningRate;
  const { emaDecay } = settings.optimizer;
  requireNone([
    faultOfSeed(settings.seed),
    faultOfWhole(settings.totalSteps, 'totalSteps', 1),
    faultOfWhole(settings.checkpointEvery, 'checkpointEvery', 1),
    faultOfNumber(peak, 'learningRate.peak', 0),
    faultOfNumber(final, 'learningRate.final', 0),
    faultOfWhole(warmupSteps, 'learningRate.warmupSteps', 0),
    faultOfWhole(totalSteps, 'learningRate.totalSteps', 1),
    emaDecay === undefined ? undefined : faultOfShare(emaDecay, 'emaDecay'),
  ]);
}
