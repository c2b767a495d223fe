import { countElements } from '../../graph/dimension.js';
import type { ConstantData } from '../../graph/node.js';
import { readFloats, type Weights } from '../../graph/weights.js';
import { GraphError } from '../../graph/graphError.js';
import type { HostTensor } from '../target.js';
import { requireExactIntegers } from './exactIntegers.js';
import { bufferLayout, type ValueSource } from './kernelPlan.js';

/** Floats as `rows` × `columns` in row-major order. */
export interface HostBuffer {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * The elements in the layout that kernels expect of a tensor of that shape.
 * @throws TargetError when integers do not fit into float32.
 */
export function hostBuffer(shape: readonly number[], data: ConstantData, what: string): HostBuffer {
  if (data instanceof Int32Array) requireExactIntegers(data, what);
  const { rows, columns } = bufferLayout(shape);
  return { data: data instanceof Float32Array ? data : Float32Array.from(data), rows, columns };
}

function transpose(data: ConstantData, [rows, columns]: readonly [number, number]): Float32Array {
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = data[row * columns + column]!;
  return result;
}

/** A parameter or constant as kernels read it. */
export function constantBuffer(
  source: Exclude<ValueSource, { readonly kind: 'input' | 'step' }>,
  weights: Weights,
): HostBuffer {
  const what = source.kind === 'parameter' ? `parameter '${source.name}'` : 'a constant';
  const { shape, data } =
    source.kind === 'parameter' ? parameterOf(source.name, weights) : constantOf(source);
  if (!source.transposed) return hostBuffer(shape, data, what);
  return hostBuffer(shape.toReversed(), transpose(data, shape as [number, number]), what);
}

function parameterOf(name: string, weights: Weights) {
  const stored = weights.get(name);
  if (!stored) throw new GraphError(`the weights hold no tensor '${name}'`);
  return { shape: stored.shape, data: readFloats(stored) };
}

function constantOf({ node }: Extract<ValueSource, { readonly kind: 'constant' }>) {
  return { shape: node.outputs[0]!.shape as readonly number[], data: node.data };
}

/** Key of a constant among those of one executable. */
export function constantKey(source: ValueSource): unknown {
  return source.kind === 'parameter'
    ? `${source.name}${source.transposed ? ' transposed' : ''}`
    : source.kind === 'constant'
      ? source.node
      : undefined;
}

/** What gpu.js returns for a two-dimensional launch: rows of numbers, or of small vectors. */
export type KernelResult = readonly (Float32Array | readonly ArrayLike<number>[])[];

/** The rows as one array; vectors lie side by side. */
export function flattenResult(result: KernelResult, columns: number, lanes: number): Float32Array {
  const flat = new Float32Array(result.length * columns * lanes);
  for (const [row, values] of result.entries()) {
    const start = row * columns * lanes;
    if (lanes === 1) flat.set(values as Float32Array, start);
    else
      for (let column = 0; column < columns; column++)
        flat.set(values[column] as ArrayLike<number>, start + column * lanes);
  }
  return flat;
}

/**
 * The elements as a tensor of this process.
 * @throws TargetError when integers may have been rounded on the way.
 */
export function toHostTensor(
  dtype: HostTensor['dtype'],
  shape: readonly number[],
  data: Float32Array,
): HostTensor {
  const elements = data.subarray(0, countElements(shape));
  switch (dtype) {
    case 'f32':
      return { dtype, shape, data: elements };
    case 'i32':
      requireExactIntegers(elements, 'a result');
      return { dtype, shape, data: Int32Array.from(elements, Math.round) };
    case 'bool':
      return { dtype, shape, data: Uint8Array.from(elements, (value) => Number(value > 0.5)) };
  }
}
