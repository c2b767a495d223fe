import type { Attributes } from './op.js';
import type { ConcreteTensorType } from './tensorType.js';

/**
 * How an operation becomes part of a GPU kernel. Kernels are written as the source of a JavaScript function in the
 * subset that gpu.js compiles; all elements are 32-bit floats there, integers and booleans included.
 */

/** An index along one axis, or an element: an expression in the kernel's source. */
export type Expression = string;

/** One call of an operation with sizes known. */
export interface GpuCall<A extends Attributes = Attributes> {
  readonly inputTypes: readonly ConcreteTensorType[];
  readonly outputTypes: readonly ConcreteTensorType[];
  readonly attributes: A;
  /** Which output is computed. */
  readonly output: number;
}

/** Reads elements of the operation's inputs, which may be computed on the spot. */
export interface GpuReader {
  read(input: number, index: readonly Expression[]): Expression;
  /** A name for an expression, computed once as far out of the loops as possible. */
  temporary(expression: Expression): Expression;
}

/** Writes the statements of a kernel. */
export interface GpuKernelWriter extends GpuReader {
  /** A variable that starts at a value. */
  variable(initial: Expression): Expression;
  assign(variable: Expression, value: Expression): void;
  /** Runs the body for 0 to count − 1. */
  loop(count: number, body: (index: Expression) => void): void;
  /** Runs the body where the condition holds. */
  when(condition: Expression, body: () => void): void;
}

export type GpuRule<A extends Attributes = Attributes> =
  | {
      /** Each element depends on the elements of the broadcast inputs at its own place. */
      readonly kind: 'element';
      /** @param name gives a part of the expression a name, so that it is computed once */
      expression(
        inputs: readonly Expression[],
        attributes: A,
        name: (part: Expression) => Expression,
      ): Expression;
    }
  | {
      /** Elements are those of the inputs at other places: never a kernel of its own unless its result is kept. */
      readonly kind: 'view';
      /** Whether its inputs count as read seldom even where its result is read again and again. */
      readonly readsSeldom?: boolean;
      element(reader: GpuReader, index: readonly Expression[], call: GpuCall<A>): Expression;
    }
  | {
      /** Each element is worked out by statements. */
      readonly kind: 'kernel';
      /** Whether inputs are read so often that they should be in memory. */
      readonly heavy: boolean;
      /** Axis along which neighbouring elements share reads, so that one thread computes several of them. */
      readonly sharedAxis?: (call: GpuCall<A>) => number;
      /** Whether an input is read with its last two axes swapped, so that a weight there is better stored that way. */
      readsTransposed?(input: number, attributes: A): boolean;
      /** The elements at several places, computed together. */
      compute(
        writer: GpuKernelWriter,
        indices: readonly (readonly Expression[])[],
        call: GpuCall<A>,
      ): readonly Expression[];
    };
