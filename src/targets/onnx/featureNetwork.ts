import type { Tensor } from '../../dsl/index.js';
import { InputError, quotable } from '../../errors.js';
import { readSmallFile } from '../../files/fileRange.js';
import { GraphError } from '../../graph/graphError.js';
import { applyOperator, floatsOf } from './featureOperators.js';
import { decodeOnnxModel, type OnnxModel, type OnnxNode, OnnxError } from './onnxSchema.js';

/** Images `[batch, 3, height, width]` in [−1, 1] → feature maps `[batch, channels, height, width]`. */
export type FeatureNetwork = (image: Tensor) => readonly Tensor[];

/** VGG-16 with all its layers has half a gigabyte. */
const MAX_MODEL_BYTES = 2 ** 30;
/** Elements of one image's features, or of a constant: 64 channels of 1,024² pixels. */
const MAX_ELEMENTS = 2 ** 26;

/** The inputs of a node; those left out at the end are none. */
function inputsOf(node: OnnxNode, values: ReadonlyMap<string, Tensor>): readonly Tensor[] {
  const given = node.input.slice(0, node.input.findLastIndex((name) => name !== '') + 1);
  return given.map((name) => {
    const value = values.get(name);
    if (!value)
      throw new GraphError(`${quotable(node.opType ?? '')} reads '${quotable(name)}', which nothing gives`);
    return value;
  });
}

/** The name of a node's one output. */
function outputOf({ output, opType = '' }: OnnxNode): string {
  const [name, ...others] = output;
  if (!name || others.some((other) => other !== ''))
    throw new GraphError(`${quotable(opType)} must have one output`);
  return name;
}

function requireModestSize(name: string, { shape }: Tensor): void {
  const elements = shape.reduce<number>(
    (count, size) => (typeof size === 'number' ? count * size : count),
    1,
  );
  if (!(elements <= MAX_ELEMENTS))
    throw new GraphError(`'${quotable(name)}' would have ${elements} elements, more than ${MAX_ELEMENTS}`);
}

function applyNetwork({ graph }: OnnxModel, image: Tensor): readonly Tensor[] {
  const values = new Map<string, Tensor>();
  const define = (name: string, value: Tensor) => {
    if (values.has(name)) throw new GraphError(`'${quotable(name)}' is given twice`);
    requireModestSize(name, value);
    values.set(name, value);
  };
  for (const tensor of graph.initializer) define(tensor.name ?? '', floatsOf(tensor));
  const free = graph.input.filter(({ name = '' }) => !values.has(name));
  if (free.length !== 1) throw new GraphError(`the network must have one input, not ${free.length}`);
  define(free[0]!.name ?? '', image);
  for (const node of graph.node) define(outputOf(node), applyOperator(node, inputsOf(node, values)));
  if (graph.output.length === 0) throw new GraphError('the network has no outputs');
  return graph.output.map(({ name = '' }) => {
    const value = values.get(name);
    if (value?.shape.length !== 4)
      throw new GraphError(`output '${quotable(name)}' is not a map of features`);
    return value;
  });
}

/**
 * Reads a convolutional network from an ONNX file, to compare images by its outputs: for example the convolutions of
 * VGG-16 with an output after each block. Its weights become constants. It gets RGB in [−1, 1]; what it needs besides,
 * such as the scaling of channels, must be part of it.
 * @throws InputError naming the file when it cannot be read or uses other operators.
 */
export function readFeatureNetwork(path: string): FeatureNetwork {
  const bytes = readSmallFile(path, MAX_MODEL_BYTES, 'a feature network');
  const model = decode(bytes, path);
  return (image) => {
    try {
      return applyNetwork(model, image);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      throw new InputError(`${path}: not usable as a feature network: ${error.message}`, error);
    }
  };
}

function decode(bytes: Uint8Array, path: string): OnnxModel {
  try {
    return decodeOnnxModel(bytes);
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw new InputError(`${path}: not an ONNX model that can be read: ${error.message}`, error);
  }
}
