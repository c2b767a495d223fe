import type { Graph } from '../graph/graph.js';
import type { ConstantData } from '../graph/node.js';
import type { DType } from '../graph/tensorType.js';
import type { Weights } from '../graph/weights.js';

/** A tensor in this process's memory. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ConstantData;
}

/** A tensor where the target keeps it, such as a KV cache between two steps. */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Brings the elements into this process's memory. The result may share memory with the tensor. */
  read(): Promise<HostTensor>;
  /** Frees the memory; the tensor cannot be used afterwards. */
  dispose(): void;
}

export type TargetTensor = HostTensor | DeviceTensor;

/** Whether the tensor is one that a target keeps. */
export function isDeviceTensor(tensor: TargetTensor): tensor is DeviceTensor {
  return 'read' in tensor;
}

/** A compiled graph whose weights stay loaded between runs. */
export interface Executable {
  /**
   * Runs the graph.
   * @param inputs by name; device tensors must come from the same target
   * @param outputs the names wanted; all when left out
   * @throws GraphError when an input is missing or does not fit.
   */
  run(
    inputs: Readonly<Record<string, TargetTensor>>,
    outputs?: readonly string[],
  ): Promise<Readonly<Record<string, DeviceTensor>>>;
  /** Frees the weights and whatever the target holds. */
  dispose(): Promise<void>;
}

export interface TargetCompileOptions {
  /** The graph's parameters by their checkpoint names. They must not change while the executable lives. */
  readonly weights?: Weights;
  /** Sees the graph after each compiler pass. */
  readonly onPass?: (name: string, graph: Graph) => void;
  /**
   * Whether an engine should take the graph as the compiler leaves it (default false). For a training step of thousands of
   * operations that is several times faster than to look through it once more, and its steps take as long.
   */
  readonly isOptimizedEnough?: boolean;
}

/** A way to run graphs. */
export interface Target {
  readonly name: string;
  /** What runs the graph, for people: the engine, its version, threads or device. */
  readonly description: string;
  compile(graph: Graph, options?: TargetCompileOptions): Promise<Executable>;
}

/** A tensor of floats. */
export function floatTensor(shape: readonly number[], data: ArrayLike<number>): HostTensor {
  return { dtype: 'f32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** A tensor of 32-bit integers. */
export function intTensor(shape: readonly number[], data: ArrayLike<number>): HostTensor {
  return { dtype: 'i32', shape, data: data instanceof Int32Array ? data : Int32Array.from(data) };
}
