import { countElements, type Shape } from '../src/graph/dimension.js';
import { broadcastStrides, forEachOffset, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { MICROSOFT_DOMAIN, type OnnxEmitter } from '../src/graph/onnxEmitter.js';
import { sumToShape } from '../src/graph/gradientRule.js';
import { sumOfProducts } from './families/sumOfProducts.js';
import { broadcastIndex } from '../src/graph/indexExpression.js';
import { apply, defineOp } from '../src/graph/op.js';
import { broadcastShapes, requireDType, requireEqualDims } from '../src/graph/shapes.js';

type MatmulAttributes = { readonly transposeLeft: boolean; readonly transposeRight: boolean };

export interface MatmulOptions {
  /** Read the left operand's last two axes swapped. */
  readonly transposeLeft?: boolean;
  /** Read the right operand's last two axes swapped. */
  readonly transposeRight?: boolean;
}

/** The rows and columns of the last two axes after an optional swap. */
function matrixShape<D>(shape: readonly D[], transposed: boolean): readonly [D, D] {
  const [rows, columns] = shape.slice(-2) as [D, D];
  return transposed ? [columns, rows] : [rows, columns];
}

function batchShape<D>(shape: readonly D[]): readonly D[] {
  return shape.slice(0, -2);
}

export const matmulOp = defineOp<MatmulAttributes>({
  name: 'matmul',
  infer([a, b], { transposeLeft, transposeRight }) {
    requireDType([a!, b!], 'f32');
    if (a!.shape.length < 2 || b!.shape.length < 2)
      throw new RangeError('both operands need at least two axes');
    const [rows, innerLeft] = matrixShape(a!.shape, transposeLeft);
    const [innerRight, columns] = matrixShape(b!.shape, transposeRight);
    requireEqualDims(innerLeft, innerRight, 'the inner sizes');
    const batch: Shape = broadcastShapes(batchShape(a!.shape), batchShape(b!.shape));
    return [{ dtype: 'f32', shape: [...batch, rows, columns] }];
  },
  reference([a, b], { transposeLeft, transposeRight }, [output]) {
    const result = zeros('f32', output!.shape);
    const [rows, columns] = output!.shape.slice(-2) as [number, number];
    const inner = matrixShape(a!.shape, transposeLeft)[1];
    const [aRow, aInner] = transposeLeft ? [1, rows] : [inner, 1];
    const [bInner, bColumn] = transposeRight ? [1, inner] : [columns, 1];
    const batch = batchShape(output!.shape);
    const strides = [a!, b!].map((operand) => {
      const matrix = operand.shape.at(-1)! * operand.shape.at(-2)!;
      return broadcastStrides(batchShape(operand.shape), batch).map((stride) => stride * matrix);
    });
    forEachOffset(batch, strides, ([aStart, bStart], index) => {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          let sum = 0;
          for (let i = 0; i < inner; i++)
            sum +=
              a!.data[aStart! + row * aRow + i * aInner]! * b!.data[bStart! + i * bInner + column * bColumn]!;
          result.data[(index * rows + row) * columns + column] = sum;
        }
      }
    });
    return [result];
  },
  onnx(emitter, { inputs, inputTypes, attributes: { transposeLeft, transposeRight } }) {
    if (!transposeLeft && !transposeRight) return [emitter.node('MatMul', inputs)];
    if (emitter.standardOnly) {
      const transposes = [transposeLeft, transposeRight];
      const operands = inputs.map((name, index) =>
        transposes[index] ? swapLastAxes(emitter, name, inputTypes[index]!.shape.length) : name,
      );
      return [emitter.node('MatMul', operands)];
    }
    const transposes = { transA: { int: Number(transposeLeft) }, transB: { int: Number(transposeRight) } };
    return [emitter.node('FusedMatMul', inputs, transposes, MICROSOFT_DOMAIN)];
  },
  gpu: {
    kind: 'kernel',
    heavy: true,
    sharedAxis: ({ outputTypes: [output] }) => output!.shape.length - 2,
    readsTransposed: (input, { transposeRight }) => input === 1 && transposeRight,
    compute(writer, indices, { inputTypes: [a, b], attributes: { transposeLeft, transposeRight } }) {
      const inner = matrixShape(a!.shape, transposeLeft)[1];
      return sumOfProducts(writer, inner, indices, (index, i) => {
        const [row, column] = index.slice(-2) as [string, string];
        const batch = index.slice(0, -2);
        const left = broadcastIndex(batch, batchShape(a!.shape));
        const right = broadcastIndex(batch, batchShape(b!.shape));
        return [
          writer.read(0, [...left, ...(transposeLeft ? [i, row] : [row, i])]),
          writer.read(1, [...right, ...(transposeRight ? [column, i] : [i, column])]),
        ];
      });
    },
  },
  gradient([gradient], { inputs: [a, b], attributes: { transposeLeft, transposeRight }, ops }) {
    const byLeft = transposeLeft
      ? ops.matmul(b!, gradient!, { transposeLeft: transposeRight, transposeRight: true })
      : ops.matmul(gradient!, b!, { transposeRight: !transposeRight });
    const shared = b!.shape.length === 2 && a!.shape.length > 2 && !transposeLeft;
    // Rows of all batches multiply the same right operand: one product instead of one per batch and their sum.
    const [left, outer] = shared
      ? [a!, gradient!].map((tensor) => ops.reshape(tensor, [-1, tensor.shape.at(-1)!]))
      : [a!, gradient!];
    const byRight = transposeRight
      ? ops.matmul(outer!, left!, { transposeLeft: true, transposeRight: transposeLeft })
      : ops.matmul(left!, outer!, { transposeLeft: !transposeLeft });
    return [sumToShape(byLeft, a!.shape, ops), sumToShape(byRight, b!.shape, ops)];
  },
  isLinear: ([, right], { transposeLeft, transposeRight }) =>
    right!.shape.length === 2 && transposeRight && !transposeLeft,
  rowAxes: ([, right], { transposeLeft }) => (right!.shape.length === 2 && !transposeLeft ? 1 : undefined),
  flops: ([a], [output], { transposeLeft }) =>
    2 * countElements(output!.shape) * matrixShape(a!.shape, transposeLeft)[1],
});

/** The matrices of a tensor of that rank transposed, for an ONNX MatMul. */
function swapLastAxes(emitter: OnnxEmitter, name: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const order = [...axes.slice(0, -2), rank - 1, rank - 2];
  return emitter.node('Transpose', [name], { perm: { ints: order } });
}

/** Matrix product of the last two axes, `[…, rows, inner] × […, inner, columns]`; leading axes broadcast. */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeLeft = false, transposeRight = false }: MatmulOptions = {},
): Tensor {
  return apply(matmulOp, [a, b], { transposeLeft, transposeRight });
}
