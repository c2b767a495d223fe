import { countElements } from '../../graph/dimension.js';
import { GraphError } from '../../graph/graphError.js';
import type { DType } from '../../graph/tensorType.js';
import { type DeviceTensor, type HostTensor, isDeviceTensor, type TargetTensor } from '../target.js';
import { hostBuffer, toHostTensor } from './gpuMemory.js';
import type { GpuValue, KernelRunner } from './kernelRunner.js';

/** How many tensors hold a value: outputs that compute the same are one value, and an input may be an output, too. */
const holders = new WeakMap<GpuValue, number>();

/** A tensor where gpu.js keeps it. Its value is released with the last tensor that holds it. */
export class GpuTensor implements DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: GpuValue;
  #held = true;
  /** The executable that made it. */
  readonly owner: object;

  constructor(dtype: DType, shape: readonly number[], value: GpuValue, owner: object) {
    this.dtype = dtype;
    this.shape = shape;
    this.value = value;
    this.owner = owner;
    holders.set(value, (holders.get(value) ?? 0) + 1);
  }

  async read(): Promise<HostTensor> {
    if (countElements(this.shape) === 0) return toHostTensor(this.dtype, this.shape, new Float32Array(0));
    return toHostTensor(this.dtype, this.shape, await this.value.read());
  }

  dispose(): void {
    if (!this.#held) return;
    this.#held = false;
    const left = holders.get(this.value)! - 1;
    holders.set(this.value, left);
    if (left === 0) this.value.release();
  }
}

/** Inputs on the device; those uploaded here are released after the run. */
export async function uploadInputs(
  inputs: Readonly<Record<string, TargetTensor>>,
  runner: KernelRunner,
  owner: object,
): Promise<{ readonly values: Readonly<Record<string, GpuValue>>; readonly release: readonly GpuValue[] }> {
  const values: Record<string, GpuValue> = {};
  const release: GpuValue[] = [];
  for (const [name, given] of Object.entries(inputs)) {
    if (isDeviceTensor(given)) {
      if (!(given instanceof GpuTensor))
        throw new GraphError(`input '${name}' is a tensor of another target`);
      if (given.owner === owner) {
        values[name] = given.value;
        continue;
      }
    }
    // Each executable has a device context of its own, so that what another made goes through this process' memory.
    const { shape, data } = isDeviceTensor(given) ? await given.read() : given;
    values[name] = await runner.upload(hostBuffer(shape, data, `input '${name}'`));
    release.push(values[name]);
  }
  return { values, release };
}
