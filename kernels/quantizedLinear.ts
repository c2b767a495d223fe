import { countElements, type Dim } from '../src/graph/dimension.js';
import type { Tensor } from '../src/graph/node.js';
import { MICROSOFT_DOMAIN, type OnnxEmitter } from '../src/graph/onnxEmitter.js';
import { applyOp, defineOp, type OnnxCall } from '../src/graph/op.js';
import type { WeightBits } from '../src/graph/quantized.js';
import {
  isQuantized,
  packedBlocks,
  type QuantizedMatrix,
  scalesOfAll,
  sideBySide,
} from '../src/graph/quantizedLayout.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { matmul, matmulOp } from './matmul.js';
import { LARGEST, LEAST_MAGNITUDE, quantizedRows, quantizeRows } from './quantizeRows.js';

const BY_TRANSPOSED = { transposeLeft: false, transposeRight: true };

/** What stands for zero among the 256 numbers without a sign. */
const ZERO_POINT = 128;
/** The runtime's level at which it computes in 8 bits, with a scale for each block of a row. */
const COMPUTE_IN_BYTES = 4;

type QuantizedLinearAttributes = { readonly bits: WeightBits };

const quantizedLinearOp = defineOp<QuantizedLinearAttributes>({
  name: 'quantizedLinear',
  infer([x, ...weights]) {
    requireDType([x!, ...weights], 'f32');
    if (x!.shape.length < 2) throw new RangeError('the input needs at least two axes');
    return weights.map((weight) => {
      requireRank(weight, 2, 'a weight');
      requireEqualDims(x!.shape.at(-1)!, weight.shape[1]!, 'the last axis and the inputs of the weight');
      return { dtype: 'f32', shape: [...x!.shape.slice(0, -1), weight.shape[0]!] };
    });
  },
  reference([x, ...weights], { bits }, outputs) {
    const rows = bits === 8 ? quantizedRows(x!) : x!;
    return weights.flatMap((weight, index) =>
      matmulOp.reference([rows, weight], BY_TRANSPOSED, [outputs[index]!]),
    );
  },
  readsStored: true,
  onnxOnCpuOnly: true,
  onnxTakes: (inputs) => inputs.length > 1,
  onnx: (emitter, call) => (call.attributes.bits === 8 ? inBytes(emitter, call) : inHalfBytes(emitter, call)),
  decompose([x, ...weights], { bits }) {
    const rows = bits === 8 ? quantizeRows(x!) : x!;
    return weights.map((weight) => matmul(rows, weight, BY_TRANSPOSED));
  },
  flops: ([x], outputs) =>
    2 * outputs.reduce((sum, { shape }) => sum + countElements(shape), 0) * x!.shape.at(-1)!,
});

/** The matrices, and a name for all of them together. */
function matricesOf({ inputs, stored }: OnnxCall<QuantizedLinearAttributes>) {
  const matrices = stored.slice(1).map((tensor): QuantizedMatrix => {
    if (!tensor || !isQuantized(tensor)) throw new TypeError('a weight is not stored in whole numbers');
    return tensor;
  });
  return { matrices, name: inputs.slice(1).join('+') };
}

/** The products one by one, from all of them side by side. */
function split(emitter: OnnxEmitter, value: string, matrices: readonly QuantizedMatrix[]): readonly string[] {
  if (matrices.length === 1) return [value];
  const sizes = emitter.shape(matrices.map(({ shape }): Dim => shape[0]!));
  return emitter.nodeWithOutputs('Split', [value, sizes], { axis: { int: -1 } }, matrices.length);
}

/**
 * Zero for each row of finite numbers, NaN for others `[…, 1]`: bringing rows into whole numbers loses what is none, which
 * a product with zeros does not.
 */
function nothingOf(emitter: OnnxEmitter, x: string, columns: number): string {
  const zeros = emitter.constant({ type: 'float', values: new Array<number>(columns).fill(0) }, [columns, 1]);
  return emitter.node('MatMul', [x, zeros]);
}

/** Rows in 8 bits with a scale each, times weights in 8 bits with a scale for each output. */
function inBytes(emitter: OnnxEmitter, call: OnnxCall<QuantizedLinearAttributes>): readonly string[] {
  const { matrices, name } = matricesOf(call);
  const float = (value: number) => emitter.constant({ type: 'float', values: [value] }, []);
  const zeroPoint = emitter.constant({ type: 'uint8', values: [ZERO_POINT] }, []);
  const [x] = call.inputs as [string];
  const axes = emitter.constant({ type: 'int64', values: [-1] }, [1]);
  const magnitudes = emitter.node('ReduceMax', [emitter.node('Abs', [x]), axes]);
  const nothing = nothingOf(emitter, x, matrices[0]!.shape[1]!);
  // Where there are no rows, onnxruntime's maximum has as many columns as they.
  const perRow = emitter.shape([...call.inputTypes[0]!.shape.slice(0, -1), 1]);
  const largest = emitter.node('Reshape', [
    emitter.node('Sum', [magnitudes, float(LEAST_MAGNITUDE), nothing]),
    perRow,
  ]);
  const step = float(1 / LARGEST);
  const rows = emitter.node('QuantizeLinear', [emitter.node('Div', [x, largest]), step, zeroPoint]);
  const weight = emitter.weight(`${name}_quantized`, sideBySide(matrices));
  const scale = emitter.weight(`${name}_scale`, scalesOfAll(matrices));
  const scaled = emitter.standardOnly
    ? emitter.node('Mul', [
        emitter.cast(emitter.node('MatMulInteger', [rows, weight, zeroPoint]), 'float'),
        emitter.node('Mul', [step, scale]),
      ])
    : emitter.node('MatMulIntegerToFloat', [rows, weight, step, scale, zeroPoint], {}, MICROSOFT_DOMAIN);
  return split(emitter, emitter.node('Mul', [scaled, largest]), matrices);
}

/** Weights in 4 bits with a scale for each block of inputs; the runtime brings rows into 8 bits, block by block. */
function inHalfBytes(emitter: OnnxEmitter, call: OnnxCall<QuantizedLinearAttributes>): readonly string[] {
  const { matrices, name } = matricesOf(call);
  const { shape, quantized } = matrices[0]!;
  const packed = packedBlocks(matrices);
  const weight = emitter.weight(`${name}_quantized`, packed);
  const scale = emitter.weight(`${name}_scale`, scalesOfAll(matrices));
  const attributes = {
    K: { int: shape[1]! },
    N: { int: packed.shape[0]! },
    bits: { int: 4 },
    block_size: { int: quantized.block },
    accuracy_level: { int: COMPUTE_IN_BYTES },
  };
  const value = emitter.node('MatMulNBits', [call.inputs[0]!, weight, scale], attributes, MICROSOFT_DOMAIN);
  return split(
    emitter,
    emitter.node('Add', [value, nothingOf(emitter, call.inputs[0]!, shape[1]!)]),
    matrices,
  );
}

/**
 * Products of one input with weights in whole numbers, `x·weightᵀ` each.
 *
 * In 8 bits the input's rows are whole numbers, too, as `quantizeRows` makes them. In 4 bits they are floats, which the
 * runtime may bring into 8 bits block by block.
 * @param x `[…, inputs]`
 * @param weights `[outputs, inputs]` each, parameters stored in that many bits
 */
export function quantizedLinear(x: Tensor, weights: readonly Tensor[], bits: WeightBits): readonly Tensor[] {
  return applyOp(quantizedLinearOp, [x, ...weights], { bits });
}
