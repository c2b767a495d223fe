import { countElements } from '../../src/graph/dimension.js';
import type { Expression, GpuKernelWriter } from '../../src/graph/gpuRule.js';
import type { GradientOperations } from '../../src/graph/gradientRule.js';
import { addIndex, multiplyIndex, unflattenIndex } from '../../src/graph/indexExpression.js';
import { forEachOffset, stridesOf, zeros } from '../../src/graph/ndarray.js';
import type { Tensor } from '../../src/graph/node.js';
import { apply, defineOp } from '../../src/graph/op.js';
import { normalizeAxis, reducedShape, requireDType } from '../../src/graph/shapes.js';

interface ReductionSpecification {
  readonly name: string;
  readonly onnx: string;
  readonly initial: number;
  readonly combine: (accumulated: number, element: number) => number;
  /** `combine` and the starting value in a GPU kernel's source; infinities do not exist there. */
  readonly gpu: {
    readonly initial: string;
    readonly combine: (accumulated: Expression, element: Expression) => Expression;
  };
  /** Applied to the accumulated value with the number of elements; nothing when left out. */
  readonly finish?: (accumulated: number, count: number) => number;
  /** Whether an empty reduction has no value. */
  readonly needsElements: boolean;
  /** The gradient of x, given that of the result stretched to x, and the result stretched likewise. */
  readonly gradient: (
    stretched: Tensor,
    x: Tensor,
    y: Tensor,
    axes: readonly number[],
    ops: GradientOperations,
  ) => Tensor;
}

type ReductionAttributes = { readonly axes: readonly number[]; readonly keepDims: boolean };

export interface ReductionOptions {
  /** Axes to reduce, counted from the end when negative; all when left out. */
  readonly axes?: readonly number[];
  /** Keep reduced axes with size 1 (default false). */
  readonly keepDims?: boolean;
}

/** Elements added up by themselves before they join the total, which keeps long sums accurate. */
const BLOCK = 128;

/** Folds 0 to count − 1 in blocks. */
function reduceInBlocks(
  writer: GpuKernelWriter,
  count: number,
  { initial, combine }: ReductionSpecification['gpu'],
  element: (flat: Expression) => Expression,
): Expression {
  const total = writer.variable(initial);
  const fold = (from: Expression, length: number) => {
    const partial = writer.variable(initial);
    writer.loop(length, (step) =>
      writer.assign(partial, combine(partial, element(writer.temporary(addIndex(step, from))))),
    );
    writer.assign(total, combine(total, partial));
  };
  const blocks = Math.floor(count / BLOCK);
  if (blocks > 1) writer.loop(blocks, (block) => fold(multiplyIndex(block, BLOCK), BLOCK));
  const done = blocks > 1 ? blocks * BLOCK : 0;
  if (count > done) fold(String(done), count - done);
  return total;
}

/** Defines an operation that folds axes into one value. */
export function defineReduction(
  specification: ReductionSpecification,
): (x: Tensor, options?: ReductionOptions) => Tensor {
  const { name, onnx, initial, combine, gpu, finish, needsElements, gradient } = specification;
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
    gpu: {
      kind: 'kernel',
      heavy: false,
      compute(writer, indices, { inputTypes: [x], attributes: { axes, keepDims } }) {
        const counts = axes.map((axis) => x!.shape[axis]!);
        const count = countElements(counts);
        return indices.map((index) => {
          const total = reduceInBlocks(writer, count, gpu, (flat) => {
            const reduced = unflattenIndex(flat, counts, writer.temporary);
            const kept = keepDims ? index.filter((_, axis) => !axes.includes(axis)) : [...index];
            const place = x!.shape.map((_, axis) =>
              axes.includes(axis) ? reduced[axes.indexOf(axis)]! : kept.shift()!,
            );
            return writer.read(0, place);
          });
          return finish ? `(${total} / ${count})` : total;
        });
      },
    },
    gradient([outer], { inputs: [x], outputs: [y], attributes: { axes }, ops }) {
      const kept = reducedShape(x!.shape, axes, true);
      const stretch = (tensor: Tensor) => ops.broadcastTo(ops.reshape(tensor, kept), x!.shape);
      return [gradient(stretch(outer!), x!, stretch(y!), axes, ops)];
    },
    flops: ([x]) => countElements(x!.shape),
  });
  return (x, { axes = x.shape.map((_, axis) => axis), keepDims = false } = {}) =>
    apply(op, [x], {
      axes: [...new Set(axes.map((axis) => normalizeAxis(axis, x.shape.length)))].sort((a, b) => a - b),
      keepDims,
    });
}
