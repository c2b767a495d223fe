import {
  EXTERNAL_DATA,
  ONNX_ATTRIBUTE_TYPES,
  ONNX_DATA_TYPES,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../src/targets/onnx/onnxSchema.js';
import { MICROSOFT_DOMAIN } from '../../src/graph/onnxEmitter.js';
import type { Product } from './products.js';

/** How the weights are held: 8 bits with row-wise 8-bit activations, or 4 bits in blocks. */
export type Precision = 'fp32' | 'int8' | 'int4';

/** Weights of a block that share a scale, as MatMulNBits has it. */
const BLOCK = 32;
/** MatMulNBits' level at which activations are 8-bit numbers. */
const INT8_ACTIVATIONS = 4;
const BYTES_PER_WEIGHT: Readonly<Record<Precision, number>> = { fp32: 4, int8: 1, int4: 0.5 };

/** Bytes of all weights, scales left out. */
export function weightBytes(products: readonly Product[], precision: Precision): number {
  return (
    products.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0) * BYTES_PER_WEIGHT[precision]
  );
}

/** The name of the activations that a product reads: one input for each kind of rows and width. */
export function activationName({ rows, inputs }: Product): string {
  return `${rows}_${inputs}`;
}

/** Hands out parts of a file, one after the other. */
function fileParts(location: string, start: number) {
  let offset = start;
  return (name: string, dataType: number, dims: readonly number[], bytes: number): OnnxTensor => {
    const part = {
      name,
      dims,
      dataType,
      dataLocation: EXTERNAL_DATA,
      externalData: [
        { key: 'location', value: location },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(bytes) },
      ],
    };
    offset += bytes;
    return part;
  };
}

function floats(name: string, dims: readonly number[], value: number): OnnxTensor {
  const values = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value);
  return { name, dims, dataType: ONNX_DATA_TYPES.float, rawData: new Uint8Array(values.buffer) };
}

const integer = (name: string, i: number) => ({ name, type: ONNX_ATTRIBUTE_TYPES.int, i });

/** One product: its node, and its constants. */
interface Part {
  readonly node: OnnxNode;
  readonly constants: readonly OnnxTensor[];
}

function productNode(
  product: Product,
  index: number,
  precision: Precision,
  take: ReturnType<typeof fileParts>,
): Part {
  const { inputs, outputs } = product;
  const [x, w, scale, output] = [activationName(product), `w${index}`, `s${index}`, `y${index}`];
  const named = { name: output, output: [output] };
  const count = inputs * outputs;
  switch (precision) {
    case 'fp32':
      return {
        node: { ...named, opType: 'MatMul', domain: '', input: [x, w], attribute: [] },
        constants: [take(w, ONNX_DATA_TYPES.float, [inputs, outputs], 4 * count)],
      };
    case 'int8':
      return {
        node: {
          ...named,
          opType: 'MatMulIntegerToFloat',
          domain: MICROSOFT_DOMAIN,
          input: [x, w, 'step', scale, 'middle'],
          attribute: [],
        },
        constants: [take(w, ONNX_DATA_TYPES.int8, [inputs, outputs], count), floats(scale, [outputs], 1e-3)],
      };
    case 'int4': {
      const blocks = Math.ceil(inputs / BLOCK);
      const sizes = { K: inputs, N: outputs, bits: 4, block_size: BLOCK, accuracy_level: INT8_ACTIVATIONS };
      return {
        node: {
          ...named,
          opType: 'MatMulNBits',
          domain: MICROSOFT_DOMAIN,
          input: [x, w, scale],
          attribute: Object.entries(sizes).map(([name, value]) => integer(name, value)),
        },
        constants: [
          take(w, ONNX_DATA_TYPES.uint8, [outputs, blocks, BLOCK / 2], (outputs * blocks * BLOCK) / 2),
          floats(scale, [outputs * blocks], 1e-3),
        ],
      };
    }
  }
}

/**
 * A model of the products alone, each with weights of its own, none reading what another gives.
 * @param weights the file whose bytes stand for the weights, and where they begin in it
 */
export function productsModel(
  products: readonly Product[],
  precision: Precision,
  weights: { readonly location: string; readonly start: number },
): OnnxModel {
  const take = fileParts(weights.location, weights.start);
  const parts = products.map((product, index) => productNode(product, index, precision, take));
  const isQuantized = precision === 'int8';
  const activation = isQuantized ? ONNX_DATA_TYPES.uint8 : ONNX_DATA_TYPES.float;
  const value = (name: string, elemType: number, rows: string, columns: number) => ({
    name,
    type: { tensorType: { elemType, shape: { dim: [{ dimParam: rows }, { dimValue: columns }] } } },
  });
  const activations = new Map(products.map((product) => [activationName(product), product]));
  const scalars = [
    floats('step', [], 1 / 127),
    { name: 'middle', dims: [], dataType: ONNX_DATA_TYPES.uint8, rawData: Uint8Array.of(128) },
  ];
  return {
    irVersion: 11,
    producerName: 'arpg bench',
    opsetImport: [
      { domain: '', version: 23 },
      { domain: MICROSOFT_DOMAIN, version: 1 },
    ],
    graph: {
      name: 'products',
      node: parts.map(({ node }) => node),
      initializer: [...parts.flatMap(({ constants }) => constants), ...(isQuantized ? scalars : [])],
      input: [...activations].map(([name, { rows, inputs }]) => value(name, activation, rows, inputs)),
      output: parts.map(({ node }, index) =>
        value(node.output[0]!, ONNX_DATA_TYPES.float, products[index]!.rows, products[index]!.outputs),
      ),
    },
  };
}
