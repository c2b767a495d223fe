import type { Dim, Shape } from './dimension.js';
import type { Tensor } from './node.js';
import type { Attributes } from './op.js';

type Operand = Tensor | number;

/**
 * The operations that gradient rules are written with. Rules get them as an argument, because operations need each
 * other for their gradients and files must not import each other in circles.
 */
export interface GradientOperations {
  add(a: Operand, b: Operand): Tensor;
  subtract(a: Operand, b: Operand): Tensor;
  multiply(a: Operand, b: Operand): Tensor;
  divide(a: Operand, b: Operand): Tensor;
  power(a: Operand, b: Operand): Tensor;
  negate(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  sin(x: Tensor): Tensor;
  cos(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  reciprocal(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  equal(a: Operand, b: Operand): Tensor;
  less(a: Operand, b: Operand): Tensor;
  lessOrEqual(a: Operand, b: Operand): Tensor;
  greater(a: Operand, b: Operand): Tensor;
  select(condition: Tensor, whenTrue: Operand, whenFalse: Operand): Tensor;
  cast(x: Tensor, to: 'f32' | 'i32' | 'bool'): Tensor;
  sum(x: Tensor, options?: { readonly axes?: readonly number[]; readonly keepDims?: boolean }): Tensor;
  mean(x: Tensor, options?: { readonly axes?: readonly number[]; readonly keepDims?: boolean }): Tensor;
  softmax(x: Tensor, axis?: number): Tensor;
  matmul(
    a: Tensor,
    b: Tensor,
    options?: { readonly transposeLeft?: boolean; readonly transposeRight?: boolean },
  ): Tensor;
  reshape(x: Tensor, shape: Shape): Tensor;
  transpose(x: Tensor, axes: readonly number[]): Tensor;
  broadcastTo(x: Tensor, shape: Shape): Tensor;
  concat(operands: readonly Tensor[], axis: number): Tensor;
  slice(x: Tensor, range: { readonly axis: number; readonly start: Dim; readonly length: Dim }): Tensor;
  pad(x: Tensor, before: readonly number[], after: readonly number[], value?: number): Tensor;
  gather(x: Tensor, indices: Tensor, axis?: number): Tensor;
  scatter(
    x: Tensor,
    indices: Tensor,
    updates: Tensor,
    options?: { readonly axis?: number; readonly combine?: 'replace' | 'add' },
  ): Tensor;
  rope(x: Tensor, positions: Tensor, cosines: Tensor, sines: Tensor): Tensor;
  conv2d(
    x: Tensor,
    weight: Tensor,
    options?: {
      readonly stride?: number;
      readonly dilation?: number;
      readonly padding?: number | Readonly<Record<'top' | 'left' | 'bottom' | 'right', number>>;
    },
  ): Tensor;
  convTranspose2d(
    x: Tensor,
    weight: Tensor,
    options: {
      readonly stride: number;
      readonly top: number;
      readonly left: number;
      readonly height: Dim;
      readonly width: Dim;
    },
  ): Tensor;
}

/** One call of an operation as its gradient rule sees it. */
export interface GradientCall<A extends Attributes = Attributes> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  readonly ops: GradientOperations;
}

/**
 * The gradients of the inputs, given those of the outputs (of which none is needed where an output is not used).
 * Undefined for inputs that are not differentiated, such as indices.
 */
export type GradientRule<A extends Attributes = Attributes> = (
  gradients: readonly Tensor[],
  call: GradientCall<A>,
) => readonly (Tensor | undefined)[];

/** Sums a gradient over the axes along which an operand was stretched. */
export function sumToShape(gradient: Tensor, shape: Shape, ops: GradientOperations): Tensor {
  const added = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) => {
    const own = axis < added ? undefined : shape[axis - added];
    return own === undefined || (own === 1 && size !== 1) ? [axis] : [];
  });
  if (axes.length === 0) return gradient;
  return ops.reshape(ops.sum(gradient, { axes, keepDims: true }), shape);
}
