import type { Shape } from './dimension.js';
import type { Attributes, OpDefinition } from './op.js';
import type { DType, TensorType } from './tensorType.js';

/** How a parameter is filled when a model is created for training (docs/SYSTEMS.md, The block). */
export type Initializer =
  | { readonly kind: 'normal'; readonly standardDeviation: number }
  /** As many parts of the elements, of equal length and one after the other, as there are deviations. */
  | { readonly kind: 'normalParts'; readonly standardDeviations: readonly number[] }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'filled'; readonly value: number };

/** Elements of a constant: as many as its shape says; booleans are 0 or 1. */
export type ConstantData = Float32Array | Int32Array | Uint8Array;

interface NodeCommon {
  /** Scopes open when the node was made, joined by dots (`layers.self_dec.3.attn`). */
  readonly scope: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export interface InputNode extends NodeCommon {
  readonly kind: 'input';
  readonly name: string;
}

export interface ParameterNode extends NodeCommon {
  readonly kind: 'parameter';
  /** The checkpoint's key. */
  readonly name: string;
  readonly initializer: Initializer;
}

export interface ConstantNode extends NodeCommon {
  readonly kind: 'constant';
  readonly data: ConstantData;
}

export interface OperationNode extends NodeCommon {
  readonly kind: 'operation';
  readonly op: OpDefinition;
  readonly attributes: Attributes;
}

/** A vertex of a graph. Nodes are immutable; a graph is whatever its outputs reach. */
export type Node = InputNode | ParameterNode | ConstantNode | OperationNode;

/** One output of a node: what the DSL's functions take and return. */
export interface Tensor {
  readonly node: Node;
  /** Which of the node's outputs this is. */
  readonly index: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

type WithoutOutputs<N> = N extends Node ? Omit<N, 'outputs'> : never;

/** Makes a node and its output handles. */
export function makeNode(fields: WithoutOutputs<Node>, types: readonly TensorType[]): Node {
  const outputs: Tensor[] = [];
  const node = { ...fields, outputs } as Node;
  for (const [index, { dtype, shape }] of types.entries())
    outputs.push(Object.freeze({ node, index, dtype, shape: Object.freeze([...shape]) }));
  Object.freeze(outputs);
  return Object.freeze(node);
}
