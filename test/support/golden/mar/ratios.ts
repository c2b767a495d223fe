import { floatTensor, type HostTensor } from '../../../../src/targets/target.js';

/** Each number as a multiple of the expected one, where those of a table differ by orders of magnitude. */
export function ratios(actual: ArrayLike<number>, { shape, data }: HostTensor): HostTensor {
  return floatTensor(
    shape,
    Float64Array.from(data, (wanted, index) => (actual[index] === wanted ? 1 : actual[index]! / wanted)),
  );
}

export function onesLike({ shape, data }: HostTensor): HostTensor {
  return floatTensor(shape, new Float32Array(data.length).fill(1));
}
