import type { Expression } from '../../src/graph/gpuRule.js';
import { type GradientOperations, sumToShape } from '../../src/graph/gradientRule.js';
import type { NdArray } from '../../src/graph/ndarray.js';
import { broadcastStrides, forEachOffset, zeros } from '../../src/graph/ndarray.js';
import { apply, defineOp, type OpDefinition } from '../../src/graph/op.js';
import { broadcastShapes, requireDType } from '../../src/graph/shapes.js';
import { scalar } from '../../src/graph/sources.js';
import type { Tensor } from '../../src/graph/node.js';
import type { ConcreteTensorType, DType } from '../../src/graph/tensorType.js';

type NoAttributes = Record<string, never>;

/** A tensor or a number that stands for a constant of the other operand's dtype. */
export type Operand = Tensor | number;

interface UnarySpecification {
  readonly name: string;
  /** The function of one element. */
  readonly compute: (x: number) => number;
  /** The ONNX operator of the same meaning, or how to emit it. */
  readonly onnx: string | NonNullable<OpDefinition<NoAttributes>['onnx']>;
  /** The same function in a GPU kernel's source. */
  readonly gpu: (x: Expression, name: (part: Expression) => Expression) => Expression;
  /** The derivative at x, given x and the result; none where it is zero or makes no sense. */
  readonly derivative?: (x: Tensor, y: Tensor, ops: GradientOperations) => Operand;
  readonly dtypes?: readonly DType[];
}

/** Defines an operation that maps each element by itself. */
export function defineUnary(specification: UnarySpecification): (x: Tensor) => Tensor {
  const { name, compute, onnx, gpu, derivative, dtypes = ['f32'] } = specification;
  const op = defineOp<NoAttributes>({
    name,
    infer(inputs) {
      requireDType(inputs, ...dtypes);
      return [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape }];
    },
    reference: ([x]) => [{ dtype: x!.dtype, shape: x!.shape, data: Float64Array.from(x!.data, compute) }],
    onnx: typeof onnx === 'string' ? (emitter, { inputs }) => [emitter.node(onnx, inputs)] : onnx,
    gpu: { kind: 'element', expression: ([x], _, name) => gpu(x!, name) },
    gradient: ([gradient], { inputs: [x], outputs: [y], ops }) => [
      derivative && ops.multiply(gradient!, derivative(x!, y!, ops)),
    ],
    rowAxes: () => 0,
  });
  return (x) => apply(op, [x], {});
}

interface BinarySpecification {
  readonly name: string;
  readonly compute: (a: number, b: number) => number;
  readonly onnx: string;
  /** The same function in a GPU kernel's source. */
  readonly gpu: (a: Expression, b: Expression) => Expression;
  readonly dtypes?: readonly DType[];
  /** The result's dtype; that of the operands when left out. */
  readonly result?: DType;
  /** The derivatives by both operands; none where they are zero or make no sense. */
  readonly derivatives?: (
    a: Tensor,
    b: Tensor,
    y: Tensor,
    ops: GradientOperations,
  ) => readonly [Operand, Operand];
  readonly simplify?: (a: Tensor, b: Tensor) => Tensor | undefined;
}

/** Applies a function to the elements of broadcast operands. */
export function mapBroadcast(
  operands: readonly NdArray[],
  output: ConcreteTensorType,
  compute: (...elements: number[]) => number,
): NdArray {
  const result = zeros(output.dtype, output.shape);
  const strides = operands.map((operand) => broadcastStrides(operand.shape, output.shape));
  forEachOffset(output.shape, strides, (offsets, index) => {
    result.data[index] = compute(...operands.map((operand, which) => operand.data[offsets[which]!]!));
  });
  return result;
}

/** Gives numbers among the operands the dtype of the first tensor among them. */
export function toTensors(operands: readonly Operand[]): readonly Tensor[] {
  const dtype = operands.find((operand) => typeof operand !== 'number')?.dtype ?? 'f32';
  return operands.map((operand) => (typeof operand === 'number' ? scalar(operand, dtype) : operand));
}

/** Defines an operation on two broadcast operands of one dtype. */
export function defineBinary(specification: BinarySpecification): (a: Operand, b: Operand) => Tensor {
  const { name, compute, onnx, gpu, dtypes = ['f32', 'i32'], result, derivatives, simplify } = specification;
  const op = defineOp<NoAttributes>({
    name,
    infer([a, b]) {
      requireDType([a!, b!], ...dtypes);
      if (a!.dtype !== b!.dtype) throw new TypeError('operands have different dtypes');
      return [{ dtype: result ?? a!.dtype, shape: broadcastShapes(a!.shape, b!.shape) }];
    },
    reference: (inputs, _, [output]) => [mapBroadcast(inputs, output!, compute)],
    onnx: (emitter, { inputs }) => [emitter.node(onnx, inputs)],
    gpu: { kind: 'element', expression: ([a, b]) => gpu(a!, b!) },
    gradient([gradient], { inputs: [a, b], outputs: [y], ops }) {
      if (!derivatives) return [undefined, undefined];
      const [byA, byB] = derivatives(a!, b!, y!, ops);
      return [
        sumToShape(ops.multiply(gradient!, byA), a!.shape, ops),
        sumToShape(ops.multiply(gradient!, byB), b!.shape, ops),
      ];
    },
    broadcasts: true,
    ...(simplify && {
      simplify([a, b]: readonly Tensor[]) {
        const simpler = simplify(a!, b!);
        return simpler && [simpler];
      },
    }),
  });
  return (a, b) => apply(op, toTensors([a, b]), {});
}
