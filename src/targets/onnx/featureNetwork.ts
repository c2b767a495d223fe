import { readFileSync } from 'node:fs';
import {
  add,
  constant,
  conv2d,
  divide,
  maximum,
  mean,
  multiply,
  reduceMax,
  relu,
  reshape,
  rsqrt,
  sigmoid,
  subtract,
  type Tensor,
} from '../../dsl/index.js';
import { InputError, systemReason } from '../../errors.js';
import { countElements, floorDivideDim } from '../../graph/dimension.js';
import { GraphError } from '../../graph/graphError.js';
import {
  decodeOnnxModel,
  ONNX_DATA_TYPES,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from './onnxSchema.js';

/** Images `[batch, 3, height, width]` in [−1, 1] → feature maps `[batch, channels, height, width]`. */
export type FeatureNetwork = (image: Tensor) => readonly Tensor[];

function floatsOf({ name, dims, dataType, rawData, floatData }: OnnxTensor): Tensor {
  const count = countElements(dims);
  if (dataType !== ONNX_DATA_TYPES.float) throw new GraphError(`tensor '${name}' does not hold float32`);
  const values =
    rawData && rawData.length > 0
      ? new Float32Array(Uint8Array.from(rawData).buffer, 0, Math.floor(rawData.length / 4))
      : Float32Array.from(floatData ?? []);
  if (values.length !== count)
    throw new GraphError(`tensor '${name}' has ${values.length} elements instead of ${count}`);
  return constant('f32', dims, values);
}

/** A node's attributes by name, with ONNX's defaults for those left out. */
function attributesOf(node: OnnxNode) {
  const find = (name: string) => node.attribute.find((attribute) => attribute.name === name);
  return {
    ints: (name: string, otherwise: readonly number[]) => {
      const given = find(name)?.ints;
      return given && given.length > 0 ? given : otherwise;
    },
    int: (name: string, otherwise: number) => find(name)?.i ?? otherwise,
    float: (name: string, otherwise: number) => find(name)?.f ?? otherwise,
    tensor: (name: string) => find(name)?.t,
  };
}

/** The one value that an attribute gives for both axes. */
function same(values: readonly number[], what: string): number {
  if (values.some((value) => value !== values[0])) throw new GraphError(`${what} differ between the axes`);
  return values[0]!;
}

/** `[batch, channels, height, width]` → each window's elements along axes 3 and 5. */
function windows(x: Tensor, node: OnnxNode): Tensor {
  const { ints } = attributesOf(node);
  const size = same(ints('kernel_shape', []), 'pooling windows');
  if (same(ints('strides', [1, 1]), 'strides') !== size || ints('pads', [0]).some((pad) => pad !== 0))
    throw new GraphError('pooling windows must touch each other without overlap or padding');
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = [height, width].map((side) => floorDivideDim(side, size));
  return reshape(x, [batch, channels, rows!, size, columns!, size]);
}

function convolve(node: OnnxNode, [x, weight, bias]: readonly Tensor[]): Tensor {
  const { ints, int } = attributesOf(node);
  if (int('group', 1) !== 1) throw new GraphError('convolutions in groups are not supported');
  const [top, left, bottom, right] = ints('pads', [0, 0, 0, 0]) as [number, number, number, number];
  return conv2d(x!, weight!, {
    ...(bias && { bias }),
    stride: same(ints('strides', [1, 1]), 'strides'),
    dilation: same(ints('dilations', [1, 1]), 'dilations'),
    padding: { top, left, bottom, right },
  });
}

function batchNormalize(node: OnnxNode, inputs: readonly Tensor[]): Tensor {
  const [x, scale, shift, average, variance] = inputs.map((tensor, index) =>
    index === 0 ? tensor : reshape(tensor, [1, Number(tensor.shape[0]), 1, 1]),
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const factor = multiply(scale, rsqrt(add(variance, attributesOf(node).float('epsilon', 1e-5))));
  return add(multiply(subtract(x, average), factor), shift);
}

/** The operators that feature networks are made of. */
const OPERATORS: Readonly<Record<string, (node: OnnxNode, inputs: readonly Tensor[]) => Tensor>> = {
  Add: (_, [a, b]) => add(a!, b!),
  AveragePool: (node, [x]) => mean(windows(x!, node), { axes: [3, 5] }),
  BatchNormalization: batchNormalize,
  Constant: (node) => floatsOf(attributesOf(node).tensor('value')!),
  Conv: convolve,
  Div: (_, [a, b]) => divide(a!, b!),
  Identity: (_, [x]) => x!,
  LeakyRelu: (node, [x]) => maximum(x!, multiply(x!, attributesOf(node).float('alpha', 0.01))),
  MaxPool: (node, [x]) => reduceMax(windows(x!, node), { axes: [3, 5] }),
  Mul: (_, [a, b]) => multiply(a!, b!),
  Relu: (_, [x]) => relu(x!),
  Sigmoid: (_, [x]) => sigmoid(x!),
  Sub: (_, [a, b]) => subtract(a!, b!),
};

function applyNetwork({ graph }: OnnxModel, image: Tensor): readonly Tensor[] {
  const values = new Map<string, Tensor>(graph.initializer.map((tensor) => [tensor.name, floatsOf(tensor)]));
  const free = graph.input.filter(({ name }) => !values.has(name));
  if (free.length !== 1) throw new GraphError(`the network must have one input, not ${free.length}`);
  values.set(free[0]!.name, image);
  for (const node of graph.node) {
    const operator = OPERATORS[node.opType];
    if (!operator)
      throw new GraphError(
        `operator ${node.opType} is not supported; there are ${Object.keys(OPERATORS).join(', ')}`,
      );
    const inputs = node.input
      .filter((name) => name !== '')
      .map((name) => {
        const value = values.get(name);
        if (!value) throw new GraphError(`${node.opType} reads '${name}', which nothing gives`);
        return value;
      });
    values.set(node.output[0]!, operator(node, inputs));
  }
  return graph.output.map(({ name }) => {
    const value = values.get(name);
    if (value?.shape.length !== 4) throw new GraphError(`output '${name}' is not a map of features`);
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
  let model: OnnxModel;
  try {
    model = decodeOnnxModel(readFileSync(path));
  } catch (error) {
    throw new InputError(`${path}: not an ONNX model that can be read: ${systemReason(error)}`, error);
  }
  return (image) => {
    try {
      return applyNetwork(model, image);
    } catch (error) {
      throw new InputError(`${path}: not usable as a feature network: ${(error as Error).message}`, error);
    }
  };
}
