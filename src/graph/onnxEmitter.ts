import type { Shape } from './dimension.js';
import type { DType } from './tensorType.js';
import type { StoredTensor } from './weights.js';

/** Attribute of an ONNX node: integers and floats are told apart because ONNX does. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string };

/** Elements of an ONNX constant. */
export type OnnxConstant =
  | { readonly type: 'float'; readonly values: readonly number[] | Float32Array }
  | { readonly type: 'int32'; readonly values: readonly number[] | Int32Array }
  | { readonly type: 'int64'; readonly values: readonly (number | bigint)[] }
  | { readonly type: 'uint64'; readonly values: readonly (number | bigint)[] }
  | { readonly type: 'uint8'; readonly values: readonly number[] }
  | { readonly type: 'bool'; readonly values: readonly number[] | Uint8Array };

export type OnnxElementType = 'float' | 'int32' | 'int64' | 'uint64' | 'bool' | 'float16' | 'bfloat16';

/** Operators outside the standard set that onnxruntime provides. */
export const MICROSOFT_DOMAIN = 'com.microsoft';

/**
 * What a kernel's ONNX lowering writes to. Equal nodes and constants are emitted once, so a lowering may ask for
 * the same cast or shape again without cost.
 */
export interface OnnxEmitter {
  /** Whether the model must keep to the standard's operators, so that any runtime can run it. */
  readonly standardOnly: boolean;
  /**
   * Whether normalisations must be given rows of mean 0: runtimes that compute a variance as the mean square less the
   * squared mean are wrong for numbers far from zero.
   */
  readonly centresRows: boolean;
  /** Whether the runtime keeps images' channels in blocks, in which filters of single channels are fast. */
  readonly blocksChannels: boolean;
  /** Emits a node with one output and returns the output's name. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: string,
  ): string;
  /** Emits a node with several outputs. */
  nodeWithOutputs(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: number,
    domain?: string,
  ): readonly string[];
  /** A constant tensor whose elements are read when the model is written. Asked for again, it is the same. */
  weight(name: string, stored: StoredTensor): string;
  /** A constant tensor. */
  constant(value: OnnxConstant, shape: readonly number[]): string;
  /** A 1-D int64 tensor holding the sizes, computed from the graph's inputs where they are symbolic. */
  shape(shape: Shape): string;
  /** Cast to the ONNX type; the element types of graph values are float, int32 and bool. */
  cast(value: string, type: OnnxElementType): string;
}

/** The ONNX element type of a graph dtype. */
export function onnxTypeOf(dtype: DType): 'float' | 'int32' | 'bool' {
  return dtype === 'f32' ? 'float' : dtype === 'i32' ? 'int32' : 'bool';
}
