import { countElements } from './dimension.js';
import type { DType } from './tensorType.js';

/** Storage of numbers that the reference interpreter reads: any typed array whose elements are JavaScript numbers. */
export type NumericArray = Float64Array | Float32Array | Int32Array | Uint8Array;

/** A dense row-major array of the reference interpreter; computed values are float64 whatever the dtype. */
export interface NdArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: NumericArray;
}

/** A zero-filled float64 array. */
export function zeros(dtype: DType, shape: readonly number[]): NdArray & { readonly data: Float64Array } {
  return { dtype, shape, data: new Float64Array(countElements(shape)) };
}

/** Number of elements between neighbours along each axis of a row-major array. */
export function stridesOf(shape: readonly number[]): readonly number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/**
 * Strides that read `shape` as if it were broadcast to `target`: 0 along stretched and added axes.
 * Both shapes must be compatible.
 */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): readonly number[] {
  const own = stridesOf(shape);
  const added = target.length - shape.length;
  return target.map((_, axis) => (axis < added || shape[axis - added] === 1 ? 0 : own[axis - added]!));
}

/**
 * Calls `visit` with each element's offsets under several stride sets, in row-major order of `shape`.
 * The offsets array is reused between calls.
 */
export function forEachOffset(
  shape: readonly number[],
  strideSets: readonly (readonly number[])[],
  visit: (offsets: readonly number[], index: number) => void,
): void {
  const count = countElements(shape);
  const position = new Array<number>(shape.length).fill(0);
  const offsets = strideSets.map(() => 0);
  for (let index = 0; index < count; index++) {
    visit(offsets, index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position[axis]!++;
      for (let set = 0; set < offsets.length; set++) offsets[set]! += strideSets[set]![axis]!;
      if (position[axis]! < shape[axis]!) break;
      for (let set = 0; set < offsets.length; set++) offsets[set]! -= strideSets[set]![axis]! * shape[axis]!;
      position[axis] = 0;
    }
  }
}

/** A shape seen around one axis: `[outer, size, inner]`. */
export function splitAtAxis(
  shape: readonly number[],
  axis: number,
): { outer: number; size: number; inner: number } {
  return {
    outer: countElements(shape.slice(0, axis)),
    size: shape[axis]!,
    inner: countElements(shape.slice(axis + 1)),
  };
}
