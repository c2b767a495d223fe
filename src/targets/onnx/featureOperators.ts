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
import { quotable } from '../../errors.js';
import { countElements } from '../../graph/dimension.js';
import { GraphError } from '../../graph/graphError.js';
import { EXTERNAL_DATA, ONNX_DATA_TYPES, type OnnxNode, type OnnxTensor } from './onnxSchema.js';

/** ONNX runtimes have limits of this size too. */
const MAX_AXES = 8;

/**
 * An ONNX tensor as a constant.
 * @throws GraphError unless it holds finite float32 numbers, as many as its shape says, in the file itself.
 */
export function floatsOf({
  name = '',
  dims,
  dataType,
  dataLocation,
  rawData,
  floatData,
}: OnnxTensor): Tensor {
  const tensor = `tensor '${quotable(name)}'`;
  if (dataType !== ONNX_DATA_TYPES.float) throw new GraphError(`${tensor} does not hold float32`);
  if (dataLocation === EXTERNAL_DATA)
    throw new GraphError(`${tensor} lies in another file; save the model in one`);
  if (dims.length > MAX_AXES || !dims.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new GraphError(`${tensor} has no valid shape`);
  const count = countElements(dims);
  const raw = rawData ?? new Uint8Array(0);
  const given = raw.length > 0 ? raw.length / Float32Array.BYTES_PER_ELEMENT : (floatData?.length ?? 0);
  if (given !== count) throw new GraphError(`${tensor} has ${given} elements instead of ${count}`);
  const values =
    raw.length > 0 ? new Float32Array(Uint8Array.from(raw).buffer) : Float32Array.from(floatData ?? []);
  if (!values.every(Number.isFinite)) throw new GraphError(`${tensor} holds values that are not finite`);
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
    text: (name: string, otherwise: string) =>
      Buffer.from(find(name)?.s ?? Buffer.from(otherwise)).toString(),
    tensor: (name: string) => find(name)?.t,
  };
}

/** The one positive number that an attribute gives for both axes. */
function same(values: readonly number[], what: string): number {
  const [first, second, ...rest] = values;
  if (first === undefined || first !== second || rest.length > 0)
    throw new GraphError(`${what} must be the same for two axes`);
  if (!(Number.isSafeInteger(first) && first >= 1)) throw new GraphError(`${what} must be at least 1`);
  return first;
}

/** What would change the result in ways that are not supported. */
function requirePlain(node: OnnxNode): void {
  const { int, text } = attributesOf(node);
  if (text('auto_pad', 'NOTSET') !== 'NOTSET') throw new GraphError('automatic padding is not supported');
  for (const name of ['ceil_mode', 'storage_order', 'training_mode'])
    if (int(name, 0) !== 0) throw new GraphError(`${name} is not supported`);
}

/** `[batch, channels, height, width]` → each window's elements along axes 3 and 5. */
function windows(x: Tensor, node: OnnxNode): Tensor {
  const { ints } = attributesOf(node);
  const size = same(ints('kernel_shape', []), 'pooling windows');
  if (
    same(ints('strides', [1, 1]), 'strides') !== size ||
    same(ints('dilations', [1, 1]), 'dilations') !== 1 ||
    ints('pads', [0]).some((pad) => pad !== 0)
  )
    throw new GraphError('pooling windows must touch each other without overlap or padding');
  const [batch, channels, height, width] = imageShape(x);
  if (height % size !== 0 || width % size !== 0)
    throw new GraphError(`pooling windows of ${size} do not fill ${height}×${width}`);
  return reshape(x, [batch, channels, height / size, size, width / size, size]);
}

function imageShape({ shape }: Tensor): readonly [Tensor['shape'][number], number, number, number] {
  const [batch, channels, height, width] = shape;
  if (shape.length !== 4 || [channels, height, width].some((size) => typeof size !== 'number'))
    throw new GraphError('it takes images alone');
  return [batch!, channels as number, height as number, width as number];
}

function convolve(node: OnnxNode, [x, weight, bias]: readonly Tensor[]): Tensor {
  const { ints, int } = attributesOf(node);
  if (int('group', 1) !== 1) throw new GraphError('convolutions in groups are not supported');
  const pads = ints('pads', [0, 0, 0, 0]);
  if (pads.length !== 4 || !pads.every((pad) => Number.isSafeInteger(pad) && pad >= 0))
    throw new GraphError('padding must be four numbers');
  const [top, left, bottom, right] = pads as [number, number, number, number];
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

function constantOf(node: OnnxNode): Tensor {
  const value = attributesOf(node).tensor('value');
  if (!value) throw new GraphError('it holds no tensor');
  return floatsOf(value);
}

interface Operator {
  /** The least and the most inputs. */
  readonly inputs: readonly [number, number];
  /** The attributes that are understood. */
  readonly attributes: readonly string[];
  readonly apply: (node: OnnxNode, inputs: readonly Tensor[]) => Tensor;
}

const WINDOWS = ['kernel_shape', 'strides', 'pads', 'dilations', 'auto_pad', 'ceil_mode'];

const binary = (combine: (a: Tensor, b: Tensor) => Tensor): Operator => ({
  inputs: [2, 2],
  attributes: [],
  apply: (_, [a, b]) => combine(a!, b!),
});

const unary = (map: (x: Tensor) => Tensor): Operator => ({
  inputs: [1, 1],
  attributes: [],
  apply: (_, [x]) => map(x!),
});

/** The operators that feature networks are made of. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    Add: binary(add),
    AveragePool: {
      inputs: [1, 1],
      attributes: [...WINDOWS, 'count_include_pad'],
      apply: (node, [x]) => mean(windows(x!, node), { axes: [3, 5] }),
    },
    BatchNormalization: {
      inputs: [5, 5],
      attributes: ['epsilon', 'momentum', 'training_mode'],
      apply: batchNormalize,
    },
    Constant: { inputs: [0, 0], attributes: ['value'], apply: constantOf },
    Conv: {
      inputs: [2, 3],
      attributes: ['kernel_shape', 'strides', 'pads', 'dilations', 'group', 'auto_pad'],
      apply: convolve,
    },
    Div: binary(divide),
    Identity: unary((x) => x),
    LeakyRelu: {
      inputs: [1, 1],
      attributes: ['alpha'],
      apply: (node, [x]) => maximum(x!, multiply(x!, attributesOf(node).float('alpha', 0.01))),
    },
    MaxPool: {
      inputs: [1, 1],
      attributes: [...WINDOWS, 'storage_order'],
      apply: (node, [x]) => reduceMax(windows(x!, node), { axes: [3, 5] }),
    },
    Mul: binary(multiply),
    Relu: unary(relu),
    Sigmoid: unary(sigmoid),
    Sub: binary(subtract),
  } satisfies Readonly<Record<string, Operator>>),
);

/**
 * What a node computes.
 * @throws GraphError when the operator, an attribute or the number of inputs is not supported.
 */
export function applyOperator(node: OnnxNode, inputs: readonly Tensor[]): Tensor {
  const name = quotable(node.opType ?? '');
  const operator =
    (node.domain ?? '') === '' || node.domain === 'ai.onnx' ? OPERATORS.get(node.opType) : undefined;
  if (!operator)
    throw new GraphError(`operator ${name} is not supported; there are ${[...OPERATORS.keys()].join(', ')}`);
  const odd = node.attribute.find((attribute) => !operator.attributes.includes(attribute.name));
  if (odd) throw new GraphError(`${name}: attribute '${quotable(odd.name ?? '')}' is not supported`);
  const [least, most] = operator.inputs;
  if (inputs.length < least || inputs.length > most)
    throw new GraphError(`${name}: it has ${inputs.length} inputs`);
  try {
    requirePlain(node);
    return operator.apply(node, inputs);
  } catch (error) {
    const reason = error instanceof GraphError ? error.message : 'it cannot be applied to its inputs';
    throw new GraphError(`${name}: ${reason}`);
  }
}
