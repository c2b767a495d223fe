import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { readJsonFile } from '../../src/jsonFile.js';
import { readFloats } from '../../src/graph/weights.js';
import { floatTensor, type HostTensor, intTensor } from '../../src/targets/target.js';

const folder = new URL('../../../fixtures/golden/', import.meta.url).pathname;

/** Path of a file in fixtures/golden. */
export function goldenPath(name: string): string {
  return folder + name;
}

export interface GoldenCase {
  readonly id: number;
  readonly sample_schedule: 'arccos' | 'cosine';
  readonly cfg_schedule: 'constant' | 'linear';
  readonly guidance_scale: number;
  readonly num_iter: number;
  readonly class_labels: readonly number[];
  readonly tokens_per_step: readonly number[];
}

/** The configuration and cases beside the golden numbers. */
export function goldenJson(name: string): {
  readonly config: unknown;
  readonly cases: readonly GoldenCase[];
} {
  return readJsonFile(goldenPath(name)) as { config: unknown; cases: GoldenCase[] };
}

/** The golden numbers of one file; int64 tensors come as i32. */
export function goldenNumbers(name: string): (tensor: string) => HostTensor {
  const { tensors } = openSafetensors(goldenPath(name));
  return (tensor) => {
    const stored = tensors.get(tensor);
    if (!stored) throw new Error(`${name} has no '${tensor}'`);
    if (stored.dtype !== 'i64') return floatTensor(stored.shape, readFloats(stored));
    const bytes = stored.read();
    const values = new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    return intTensor(stored.shape, Int32Array.from(values, Number));
  };
}
