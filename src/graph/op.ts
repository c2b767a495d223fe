import type { Dim, Shape } from './dimension.js';
import type { NdArray } from './ndarray.js';
import type { GradientRule } from './gradientRule.js';
import type { GpuRule } from './gpuRule.js';
import { makeNode, type OperationNode, type Tensor } from './node.js';
import type { OnnxEmitter } from './onnxEmitter.js';
import { currentScope } from './scope.js';
import { GraphError } from './graphError.js';
import { type ConcreteTensorType, formatType, type TensorType } from './tensorType.js';
import type { StoredTensor } from './weights.js';

/** Values that an operation can carry besides its inputs; all survive the JSON round trip. */
export type AttributeValue = Dim | string | boolean | Shape;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** One call of an operation as its ONNX lowering sees it. */
export interface OnnxCall<A extends Attributes = Attributes> {
  /** Names of the input values. */
  readonly inputs: readonly string[];
  readonly inputTypes: readonly TensorType[];
  readonly outputTypes: readonly TensorType[];
  readonly attributes: A;
  /** The stored elements of the inputs that are parameters, where the operation lays them out itself. */
  readonly stored: readonly (StoredTensor | undefined)[];
}

/** What stands for an operation that was fused with those that make its inputs. */
export interface Fusion {
  /** For its outputs. */
  readonly outputs: readonly Tensor[];
  /** For inputs of it, by their places: what others read instead of them. */
  readonly inputs?: Readonly<Record<number, Tensor>>;
}

/**
 * Everything the system knows of one operation. Each file in `kernels/` defines one.
 * An operation either lowers to ONNX itself or decomposes into operations that do.
 */
export interface OpDefinition<A extends Attributes = Attributes> {
  readonly name: string;
  /**
   * Shape rule: the output types for these inputs.
   * @throws Error with the reason when the inputs do not fit; the caller adds the operation, types and scope.
   */
  infer(inputs: readonly TensorType[], attributes: A): readonly TensorType[];
  /** Float64 reference: obviously right, never fast. */
  reference(
    inputs: readonly NdArray[],
    attributes: A,
    outputs: readonly ConcreteTensorType[],
  ): readonly NdArray[];
  /** Emits ONNX nodes and returns the names of the output values. */
  onnx?(emitter: OnnxEmitter, call: OnnxCall<A>): readonly string[];
  /**
   * Whether the inputs after the first are parameters whose stored elements the ONNX form lays out itself; their names are
   * then no values of the model.
   */
  readonly readsStored?: boolean;
  /** Elements that its ONNX form holds beside its inputs and outputs while it is computed; none, when left out. */
  onnxScratch?(inputs: readonly TensorType[], attributes: A): Dim;
  /** Whether onnxruntime computes that form on processors alone, so that on devices it is decomposed. */
  readonly onnxOnCpuOnly?: boolean;
  /** Which calls have that form; all, when left out. */
  onnxTakes?(inputs: readonly TensorType[], attributes: A): boolean;
  /** How a GPU kernel computes it. */
  readonly gpu?: GpuRule<A>;
  /** Gradients of the inputs; operations without a rule are decomposed before they are differentiated. */
  readonly gradient?: GradientRule<A>;
  /** The same operation in terms of simpler ones. */
  decompose?(inputs: readonly Tensor[], attributes: A): readonly Tensor[];
  /**
   * For operations that treat the first input row by row: over how many trailing axes a row extends in this call.
   * Stretching the axes before them may then happen after the operation. Undefined where rows are not independent.
   */
  rowAxes?(inputs: readonly TensorType[], attributes: A): number | undefined;
  /** Whether the inputs broadcast by themselves, so that stretching one of them first is needless. */
  readonly broadcasts?: boolean;
  /** Whether a call is `x·weightᵀ`, of any rows x and a matrix `[outputs, inputs]`. */
  isLinear?(inputs: readonly TensorType[], attributes: A): boolean;
  /** How often it repeats each pixel of images `[batch, channels, height, width]` along both sides. */
  pixelRepeats?(attributes: A): number;
  /** Whether a call convolves images with 3×3 weights, one pixel at a time, with an edge of one pixel of zeros. */
  isConvolution3x3?(inputs: readonly TensorType[], attributes: A): boolean;
  /** Whether it repeats the elements of its one input along axes, so that work on them may be done before. */
  readonly stretches?: boolean;
  /** Inputs whose elements the results are, unchanged and no others. */
  readonly elementsOf?: 'every input' | 'the first input';
  /** Whether the result is the first input as it lies in memory, with another shape or name. */
  readonly renames?: boolean;
  /** For operations that pick by index: which input holds the indices, and how many there are to choose from. */
  indices?(inputs: readonly TensorType[], attributes: A): { readonly input: number; readonly count: Dim };
  /** For operations on any number of inputs: the same by calls that read at most so many each. */
  withFewerInputs?(inputs: readonly Tensor[], most: number, attributes: A): readonly Tensor[];
  /** Recognises another operation on these inputs that, with those that make them, is one call of this. */
  fuses?(node: OperationNode, inputs: readonly Tensor[]): Fusion | undefined;
  /** Rewrites to a cheaper equal; undefined when there is none. */
  simplify?(inputs: readonly Tensor[], attributes: A): readonly Tensor[] | undefined;
  /** Floating-point operations of one call with these sizes; one per output element unless stated. */
  flops?(
    inputs: readonly ConcreteTensorType[],
    outputs: readonly ConcreteTensorType[],
    attributes: A,
  ): number;
}

const registry = new Map<string, OpDefinition>();

/**
 * Registers an operation. Attribute types are checked where the operation is applied; the registry forgets them.
 * @throws TypeError when the name is taken.
 */
export function defineOp<A extends Attributes>(definition: OpDefinition<A>): OpDefinition<A> {
  if (registry.has(definition.name)) throw new TypeError(`operation '${definition.name}' is defined twice`);
  if (!definition.onnx && !definition.decompose)
    throw new TypeError(`operation '${definition.name}' neither lowers nor decomposes`);
  registry.set(definition.name, definition as unknown as OpDefinition);
  return definition;
}

/** The operation of that name among the loaded kernels. */
export function findOp(name: string): OpDefinition | undefined {
  return registry.get(name);
}

/** All loaded operations, by name. */
export function allOps(): readonly OpDefinition[] {
  return [...registry.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Applies an operation in the current scope and returns all its outputs.
 * @throws GraphError naming the operation, the input types and the scope when the shape rule refuses.
 */
export function applyOp<A extends Attributes>(
  op: OpDefinition<A>,
  inputs: readonly Tensor[],
  attributes: A,
  scope: string = currentScope(),
): readonly Tensor[] {
  let types: readonly TensorType[];
  try {
    types = op.infer(inputs, attributes);
  } catch (error) {
    const given = inputs.map(formatType).join(', ');
    throw new GraphError(`${op.name}(${given}): ${(error as Error).message}`, scope);
  }
  return makeNode(
    {
      kind: 'operation',
      op: op as unknown as OpDefinition,
      attributes: Object.freeze({ ...attributes }),
      inputs: Object.freeze([...inputs]),
      scope,
    },
    types,
  ).outputs;
}

/** Applies an operation that has one output. */
export function apply<A extends Attributes>(
  op: OpDefinition<A>,
  inputs: readonly Tensor[],
  attributes: A,
): Tensor {
  return applyOp(op, inputs, attributes)[0]!;
}
