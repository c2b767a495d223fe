import { countElements } from '../../src/graph/dimension.js';
import { forEachOffset, stridesOf, zeros } from '../../src/graph/ndarray.js';
import type { Tensor } from '../../src/graph/node.js';
import { apply, defineOp } from '../../src/graph/op.js';
import { normalizeAxis, reducedShape, requireDType } from '../../src/graph/shapes.js';

interface ReductionSpecification {
  readonly name: string;
  readonly onnx: string;
  readonly initial: number;
  readonly combine: (accumulated: number, element: number) => number;
  /** Applied to the accumulated value with the number of elements; nothing when left out. */
  readonly finish?: (accumulated: number, count: number) => number;
  /** Whether an empty reduction has no value. */
  readonly needsElements: boolean;
}

type ReductionAttributes = { readonly axes: readonly number[]; readonly keepDims: boolean };

export interface ReductionOptions {
  /** Axes to reduce, counted from the end when negative; all when left out. */
  readonly axes?: readonly number[];
  /** Keep reduced axes with size 1 (default false). */
  readonly keepDims?: boolean;
}

/** Defines an operation that folds axes into one value. */
export function defineReduction(
  specification: ReductionSpecification,
): (x: Tensor, options?: ReductionOptions) => Tensor {
  const { name, onnx, initial, combine, finish, needsElements } = specification;
  const op = defineOp<ReductionAttributes>({
    name,
    infer([x], { axes, keepDims }) {
      requireDType([x!], 'f32');
      if (needsElements && axes.some((axis) => x!.shape[axis] === 0))
        throw new RangeError('the reduced axis is empty');
      return [{ dtype: x!.dtype, shape: reducedShape(x!.shape, axes, keepDims) }];
    },
    reference([x], { axes, keepDims }) {
      const result = zeros(x!.dtype, reducedShape(x!.shape, axes, keepDims) as number[]);
      const kept = zeros(x!.dtype, reducedShape(x!.shape, axes, true) as number[]);
      const keptStrides = stridesOf(kept.shape).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
      result.data.fill(initial);
      forEachOffset(x!.shape, [keptStrides], ([at], index) => {
        result.data[at!] = combine(result.data[at!]!, x!.data[index]!);
      });
      const count = countElements(axes.map((axis) => x!.shape[axis]!));
      return [finish ? { ...result, data: result.data.map((value) => finish(value, count)) } : result];
    },
    onnx: (emitter, { inputs, attributes }) => [
      emitter.node(
        onnx,
        [inputs[0]!, emitter.constant({ type: 'int64', values: attributes.axes }, [attributes.axes.length])],
        { keepdims: { int: attributes.keepDims ? 1 : 0 }, noop_with_empty_axes: { int: 1 } },
      ),
    ],
    flops: ([x]) => countElements(x!.shape),
  });
  return (x, { axes = x.shape.map((_, axis) => axis), keepDims = false } = {}) =>
    apply(op, [x], {
      axes: [...new Set(axes.map((axis) => normalizeAxis(axis, x.shape.length)))].sort((a, b) => a - b),
      keepDims,
    });
}
