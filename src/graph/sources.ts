import { countElements, type Shape } from './dimension.js';
import { GraphError } from './graphError.js';
import { type ConstantData, type Initializer, makeNode, type Tensor } from './node.js';
import { currentScope, scopedName } from './scope.js';
import type { DType } from './tensorType.js';

/** A tensor given at each run; inputs are named as written, outside any scope. */
export function input(name: string, dtype: DType, shape: Shape): Tensor {
  return makeNode({ kind: 'input', name, inputs: [], scope: currentScope() }, [{ dtype, shape }]).outputs[0]!;
}

/** A float32 weight named below the current scope, as the checkpoint names it. */
export function parameter(name: string, shape: readonly number[], initializer: Initializer): Tensor {
  return makeNode(
    { kind: 'parameter', name: scopedName(name), initializer, inputs: [], scope: currentScope() },
    [{ dtype: 'f32', shape }],
  ).outputs[0]!;
}

function constantData(dtype: DType, values: ArrayLike<number>): ConstantData {
  return dtype === 'f32'
    ? Float32Array.from(values)
    : dtype === 'i32'
      ? Int32Array.from(values)
      : Uint8Array.from(values);
}

/**
 * A constant tensor.
 * @throws GraphError when the number of values is not that of the shape.
 */
export function constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Tensor {
  if (values.length !== countElements(shape))
    throw new GraphError(
      `a constant of shape [${shape.join(', ')}] cannot hold ${values.length} values`,
      currentScope(),
    );
  return makeNode(
    { kind: 'constant', data: constantData(dtype, values), inputs: [], scope: currentScope() },
    [{ dtype, shape }],
  ).outputs[0]!;
}

/** A constant without axes. */
export function scalar(value: number, dtype: DType = 'f32'): Tensor {
  return constant(dtype, [], [value]);
}
