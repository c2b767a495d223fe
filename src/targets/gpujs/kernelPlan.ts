import { countElements } from '../../graph/dimension.js';
import type { ConstantNode, Tensor } from '../../graph/node.js';

/** Where a kernel reads from. */
export type ValueSource =
  | { readonly kind: 'input'; readonly name: string }
  /** A parameter; its last two axes swapped where kernels read it column by column. */
  | { readonly kind: 'parameter'; readonly name: string; readonly transposed: boolean }
  | { readonly kind: 'constant'; readonly node: ConstantNode; readonly transposed: boolean }
  | { readonly kind: 'step'; readonly step: number };

/**
 * How a tensor lies in memory: as `rows` × `columns` floats in row-major order of `shape`. Where one thread computes
 * several neighbours along an axis, the axis is split: its size is the number of groups, and the members of a group
 * lie side by side innermost (`lanes` of them, the last group may have unused ones).
 */
export interface BufferLayout {
  readonly shape: readonly number[];
  /** The axis at which the columns begin. */
  readonly split: number;
  readonly rows: number;
  readonly columns: number;
  readonly lanes: number;
  readonly laneAxis: number;
}

/** What it takes to make one kernel call. */
export interface KernelCall {
  /** Source of a function of the arrays that it reads, in the subset of JavaScript that gpu.js compiles. */
  readonly source: string;
  readonly reads: readonly ValueSource[];
  readonly layout: Pick<BufferLayout, 'rows' | 'columns' | 'lanes'>;
  /** The operations that went into it. */
  readonly covers: readonly string[];
}

/** One kernel call as it was generated. */
export interface KernelStep extends KernelCall {
  readonly layout: BufferLayout;
  /** The tensor it computes. */
  readonly tensor: Tensor;
  readonly flops: number;
}

/** A graph for given sizes as a list of kernel calls. */
export interface KernelPlan<Step extends KernelCall = KernelStep> {
  readonly steps: readonly Step[];
  /** Where each output of the graph is. */
  readonly outputs: Readonly<Record<string, ValueSource>>;
  /** For each step, the steps whose results are not read any more once it has run. */
  readonly releases: readonly (readonly number[])[];
}

/** Rows shorter than this are joined, so that a two-dimensional launch is not all edge. */
const MIN_COLUMNS = 32;

/** The layout of a tensor whose threads compute `lanes` neighbours along an axis. */
export function bufferLayout(shape: readonly number[], lanes = 1, laneAxis = -1): BufferLayout {
  const threads = shape.map((size, axis) => (axis === laneAxis ? Math.ceil(size / lanes) : size));
  let split = Math.max(threads.length - 1, 0);
  while (split > 0 && countElements(threads.slice(split)) < MIN_COLUMNS) split--;
  return {
    shape: threads,
    split,
    rows: countElements(threads.slice(0, split)),
    columns: countElements(threads.slice(split)),
    lanes,
    laneAxis,
  };
}

/** Steps that are read by the outputs or by a later step. */
export function lastReads(
  steps: readonly KernelStep[],
  outputs: KernelPlan['outputs'],
): KernelPlan['releases'] {
  const last = new Map<number, number>();
  for (const [index, { reads }] of steps.entries())
    for (const source of reads) if (source.kind === 'step') last.set(source.step, index);
  for (const source of Object.values(outputs)) if (source.kind === 'step') last.delete(source.step);
  const releases: number[][] = steps.map(() => []);
  for (const [step, reader] of last) releases[reader]!.push(step);
  return releases;
}
