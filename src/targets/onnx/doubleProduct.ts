import type { InferenceSession } from 'onnxruntime-node';
import { encodeOnnxModel, type OnnxValueInfo } from './onnxSchema.js';
import { loadOnnxRuntime } from './onnxRuntime.js';

/** TensorProto's number of double precision, which no graph of ours has. */
const DOUBLE = 11;
const IR_VERSION = 8;
const OPSET = 13;
const TRANSPOSED = 1;
const INTEGER_ATTRIBUTE = 2;

/** Rows of double precision, `[rows, columns]`. */
export interface DoubleRows {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** Products in double precision on all cores. */
export interface DoubleProduct {
  /** The dot products of the rows of two matrices: `[left.rows, right.rows]`. */
  dots(left: DoubleRows, right: DoubleRows): Promise<Float64Array>;
  dispose(): Promise<void>;
}

function matrix(name: string, dims: readonly string[]): OnnxValueInfo {
  const shape = { dim: dims.map((dimParam) => ({ dimParam })) };
  return { name, type: { tensorType: { elemType: DOUBLE, shape } } };
}

function productModel(): Uint8Array {
  return encodeOnnxModel({
    irVersion: IR_VERSION,
    producerName: 'arpg',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: 'dots',
      node: [
        {
          name: 'dots',
          opType: 'Gemm',
          domain: '',
          input: ['left', 'right'],
          output: ['dots'],
          attribute: [{ name: 'transB', type: INTEGER_ATTRIBUTE, i: TRANSPOSED }],
        },
      ],
      initializer: [],
      input: [matrix('left', ['rows', 'columns']), matrix('right', ['others', 'columns'])],
      output: [matrix('dots', ['rows', 'others'])],
    },
  });
}

/**
 * Prepares products in double precision by onnxruntime on the CPU. What they sum differs from a plain loop's sums in the
 * last bits only.
 */
export function doubleProduct(): DoubleProduct {
  const ort = loadOnnxRuntime();
  let session: Promise<InferenceSession> | undefined;
  const tensor = ({ rows, columns, data }: DoubleRows) => new ort.Tensor('float64', data, [rows, columns]);
  return {
    async dots(left, right) {
      if (left.rows * right.rows === 0 || left.columns === 0) return new Float64Array(left.rows * right.rows);
      session ??= ort.InferenceSession.create(productModel(), { executionProviders: ['cpu'] });
      const { dots } = await (await session).run({ left: tensor(left), right: tensor(right) });
      return dots!.data as Float64Array;
    },
    async dispose() {
      await (await session)?.release();
      session = undefined;
    },
  };
}
