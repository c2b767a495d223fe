import { type Dim, divideDimExactly, elementCount, equalDims, formatShape, type Shape } from './dimension.js';
import type { DType, TensorType } from './tensorType.js';

/**
 * The axis counted from the front.
 * @throws RangeError when there is no such axis.
 */
export function normalizeAxis(axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank)
    throw new RangeError(`axis ${axis} does not exist in ${rank} axes`);
  return normalized;
}

/**
 * The common shape of operands whose sizes are equal or 1 along every axis, aligned at the last axis.
 * @throws RangeError when they do not broadcast.
 */
export function broadcastShapes(...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    shapes
      .map((shape): Dim => shape[axis - (rank - shape.length)] ?? 1)
      .reduce((common, size) => {
        if (equalDims(common, size) || size === 1) return common;
        if (common === 1) return size;
        throw new RangeError(`shapes ${shapes.map(formatShape).join(' and ')} do not broadcast`);
      }),
  );
}

/**
 * The target shape of a reshape with one `-1` replaced by the size that keeps the number of elements.
 * @throws RangeError when the numbers of elements differ.
 */
export function resolveReshape(from: Shape, to: Shape): Shape {
  const total = elementCount(from);
  const free = to.indexOf(-1);
  const known = elementCount(to.filter((_, axis) => axis !== free));
  if (free < 0) {
    if (!equalDims(total, known))
      throw new RangeError(`${formatShape(from)} does not have the elements of ${formatShape(to)}`);
    return to;
  }
  const size = divideDimExactly(total, known);
  if (size === undefined)
    throw new RangeError(`${formatShape(from)} does not divide into ${formatShape(to)}`);
  return to.map((original, axis) => (axis === free ? size : original));
}

/** The shape without some axes, or with size 1 there. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  return keepDims
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** @throws TypeError unless every input has the dtype. */
export function requireDType(inputs: readonly TensorType[], ...allowed: readonly DType[]): void {
  const wrong = inputs.find((type) => !allowed.includes(type.dtype));
  if (wrong) throw new TypeError(`takes ${allowed.join(' or ')}, not ${wrong.dtype}`);
}

/** @throws RangeError unless the shape has this many axes. */
export function requireRank(type: TensorType, rank: number, what: string): void {
  if (type.shape.length !== rank)
    throw new RangeError(`${what} must have ${rank} axes, not ${type.shape.length}`);
}

/** @throws RangeError unless the sizes are equal. */
export function requireEqualDims(a: Dim, b: Dim, what: string): void {
  if (!equalDims(a, b)) throw new RangeError(`${what} differ: ${String(a)} and ${String(b)}`);
}
