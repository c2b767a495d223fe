import { type DimBindings, evaluateShape, formatShape, type Shape } from './dimension.js';

/** Element types of a graph: 32-bit floats, 32-bit signed integers and booleans. */
export type DType = 'f32' | 'i32' | 'bool';

export const DTYPES: readonly DType[] = ['f32', 'i32', 'bool'];

/** What is known of a tensor while the graph is built. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A tensor type whose sizes are all numbers. */
export interface ConcreteTensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The type with its symbols replaced by their run-time values. */
export function concreteType(type: TensorType, bindings: DimBindings): ConcreteTensorType {
  return { dtype: type.dtype, shape: evaluateShape(type.shape, bindings) };
}

/** Text of a type, as in `f32[batch, 16]`. */
export function formatType(type: TensorType): string {
  return `${type.dtype}${formatShape(type.shape)}`;
}
