import { createHash } from 'node:crypto';
import type { Peers } from '../cluster/peers.js';
import { InputError, TargetError, UsageError } from '../errors.js';
import { isDeviceTensor } from '../targets/target.js';
import type { SharedRunSettings } from './runSettings.js';
import type { TrainingState } from './trainingState.js';

/** A rank's share of every batch. */
export interface Share {
  /** From 0. */
  readonly rank: number;
  readonly size: number;
}

/** All of every batch. */
export const WHOLE: Share = { rank: 0, size: 1 };

/** @throws UsageError where a batch does not divide into its parts and the ranks' shares of them. */
export function requireDivisible(
  { batch, accumulate }: Pick<SharedRunSettings, 'batch' | 'accumulate'>,
  ranks: number,
): void {
  if (batch % (accumulate * ranks) === 0) return;
  const parts = accumulate > 1 ? `${accumulate} parts` : '';
  const shares = ranks > 1 ? `${ranks} ranks' shares` : '';
  const what = parts && shares ? `${parts} of ${shares}` : parts || shares;
  throw new UsageError(
    `--batch ${batch} does not divide into ${what}${ranks > 1 ? '; it counts the images of all ranks together' : ''}`,
  );
}

/** @throws InputError where ranks find other checkpoints of a run, as when they see folders of their own. */
export async function requireSameCheckpoint(
  folder: string,
  peers: Peers,
  step: number | undefined,
): Promise<void> {
  await peers.meet();
  const steps = (await peers.gather([step ?? 0])).map(([own]) => own!);
  const other = steps.findIndex((own) => own !== steps[0]);
  if (other > 0)
    throw new InputError(
      `${folder}: rank ${other} finds the checkpoint of step ${steps[other]} there and rank 0 that of step ${steps[0]}: all ranks must see the same folder`,
    );
}

/** Bytes of a digest that a number holds exactly. */
const DIGEST_BYTES = 6;

async function digestOf(state: TrainingState): Promise<number> {
  const hash = createHash('sha256');
  for (const tensor of Object.values(state)) {
    const { data } = isDeviceTensor(tensor) ? await tensor.read() : tensor;
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest().readUIntBE(0, DIGEST_BYTES);
}

/**
 * Finds out whether all ranks have come to the same state, to the bit, as they do where they compute alike.
 * @throws TargetError naming the rank that has not.
 */
export async function requireSameState(peers: Peers, state: TrainingState, step: number): Promise<void> {
  const own = await digestOf(state);
  await peers.meet();
  const digests = (await peers.gather([own])).map(([digest]) => digest!);
  const other = digests.findIndex((digest) => digest !== digests[0]);
  if (other > 0)
    throw new TargetError(
      `step ${step}: rank ${other} computes otherwise than rank 0, so their weights differ; all ranks need the same processors and the same --target`,
    );
}
