import { readFloats } from '../graph/weights.js';
import type { LoweredModel, OnnxParameter } from '../targets/onnx/lowerToOnnx.js';
import { ONNX_ATTRIBUTE_TYPES, ONNX_DATA_TYPES, type OnnxNode } from '../targets/onnx/onnxSchema.js';

/** Largest magnitude of a signed 8-bit number that has its negative. */
const LARGEST = 127;

/** A linear layer in the model: `x·weightᵀ`. */
interface LinearLayer {
  readonly product: OnnxNode;
  readonly parameter: OnnxParameter;
}

/** The scale of each output channel, of weights `[out, in]`: its largest magnitude becomes the largest number. */
function channelScales(values: Float32Array, outputs: number): Float32Array {
  const inputs = values.length / outputs;
  return Float32Array.from({ length: outputs }, (_, output) => {
    const row = values.subarray(output * inputs, (output + 1) * inputs);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return largest === 0 ? 1 : largest / LARGEST;
  });
}

/** Weights `[out, in]` → 8-bit weights `[in, out]`. */
function quantize(values: Float32Array, outputs: number): Int8Array {
  const scales = channelScales(values, outputs);
  const inputs = values.length / outputs;
  const weight = new Int8Array(values.length);
  for (let output = 0; output < outputs; output++)
    for (let input = 0; input < inputs; input++)
      weight[input * outputs + output] = Math.round(values[output * inputs + input]! / scales[output]!);
  return weight;
}

function bytesOf(array: Int8Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Products whose right operand is a matrix parameter transposed, perhaps cast before. */
function findLinearLayers({ model, parameters }: LoweredModel): readonly LinearLayer[] {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const makers = new Map(model.graph.node.flatMap((node) => node.output.map((name) => [name, node])));
  const parameterBehind = (name: string): OnnxParameter | undefined => {
    const maker = makers.get(name);
    if (!maker) return byName.get(name);
    return maker.opType === 'Cast' ? parameterBehind(maker.input[0]!) : undefined;
  };
  return model.graph.node.flatMap((product) => {
    const right = product.opType === 'MatMul' ? makers.get(product.input[1]!) : undefined;
    const parameter = right?.opType === 'Transpose' ? parameterBehind(right.input[0]!) : undefined;
    return parameter?.stored.shape.length === 2 ? [{ product, parameter }] : [];
  });
}

function node(opType: string, input: readonly string[], output: readonly string[]): OnnxNode {
  return { name: output[0]!, opType, domain: '', input, output, attribute: [] };
}

function castToFloat(input: string, output: string): OnnxNode {
  const to = { name: 'to', type: ONNX_ATTRIBUTE_TYPES.int, i: ONNX_DATA_TYPES.float };
  return { ...node('Cast', [input], [output]), attribute: [to] };
}

/** The same product in 8 bits: activations are quantised as they come, weights were. */
function quantizedProduct({ product, parameter: { name } }: LinearLayer): readonly OnnxNode[] {
  const [x] = product.input as [string];
  const [output] = product.output as [string];
  const [quantized, scale, zeroPoint] = ['quantized', 'scale', 'zero_point'].map(
    (part) => `${x}:${part}`,
  ) as [string, string, string];
  return [
    node('DynamicQuantizeLinear', [x], [quantized, scale, zeroPoint]),
    node('MatMulInteger', [quantized, `${name}_quantized`, zeroPoint], [`${output}:integer`]),
    castToFloat(`${output}:integer`, `${output}:float`),
    node('Mul', [scale, `${name}_scale`], [`${output}:scale`]),
    node('Mul', [`${output}:float`, `${output}:scale`], [output]),
  ];
}

/** Nodes whose results are read, directly or not, by the graph's outputs. */
function withoutUnread(nodes: readonly OnnxNode[], outputs: readonly string[]): readonly OnnxNode[] {
  const read = new Set(outputs);
  const kept = nodes.toReversed().filter(({ input, output }) => {
    if (!output.some((name) => read.has(name))) return false;
    for (const name of input) read.add(name);
    return true;
  });
  return kept.toReversed();
}

/**
 * Turns linear layers into products of 8-bit numbers: weights with one scale per output channel (`NAME_quantized`
 * `[in, out]` and `NAME_scale` `[out]`), activations with one scale per tensor, found at run time. In standard operators;
 * onnxruntime fuses them.
 */
export function quantizeLinearLayers(lowered: LoweredModel): LoweredModel {
  const layers = new Map(findLinearLayers(lowered).map((layer) => [layer.product, layer]));
  const quantizedInputs = new Set<string>();
  const nodes = lowered.model.graph.node.flatMap((product) => {
    const layer = layers.get(product);
    if (!layer) return [product];
    const replaced = quantizedProduct(layer);
    const isFirst = !quantizedInputs.has(product.input[0]!);
    quantizedInputs.add(product.input[0]!);
    return isFirst ? replaced : replaced.slice(1);
  });
  const { graph } = lowered.model;
  const kept = withoutUnread(
    nodes,
    graph.output.map(({ name }) => name),
  );
  const read = new Set(kept.flatMap(({ input }) => input));
  const added = [...new Set([...layers.values()].map(({ parameter }) => parameter))].flatMap(
    ({ name, stored }): readonly OnnxParameter[] => {
      const [outputs, inputs] = stored.shape as [number, number];
      return [
        {
          name: `${name}_quantized`,
          stored: {
            dtype: 'i8',
            shape: [inputs, outputs],
            read: () => bytesOf(quantize(readFloats(stored), outputs)),
          },
        },
        {
          name: `${name}_scale`,
          stored: {
            dtype: 'f32',
            shape: [outputs],
            read: () => bytesOf(channelScales(readFloats(stored), outputs)),
          },
        },
      ];
    },
  );
  return {
    model: { ...lowered.model, graph: { ...graph, node: kept } },
    parameters: [...lowered.parameters.filter(({ name }) => read.has(name)), ...added],
  };
}
