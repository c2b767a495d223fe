import type { DimBindings } from '../graph/dimension.js';
import type { Graph } from '../graph/graph.js';

/** What kind of work took its time. */
export type SpanCategory = 'compile' | 'pass' | 'lower' | 'session' | 'run' | 'kernel' | 'onnxruntime';

/** Facts about a piece of work, such as the shapes of its inputs. */
export type SpanArguments = Readonly<Record<string, unknown>>;

/** A piece of work and when it was done, in milliseconds of `performance.now()`. */
export interface Span {
  readonly category: SpanCategory;
  readonly name: string;
  readonly start: number;
  readonly duration: number;
  readonly args: SpanArguments;
  /** The thread that did it, where that is not the one that drives everything. */
  readonly thread?: string;
}

/** Sees a graph after a compiler pass; the first pass is called `build` and stands for the graph as it was given. */
export type PassListener = (pass: string, graph: Graph) => void;

/** Whoever watches graphs being compiled and run. What it throws ends the work that it watches. */
export interface Observer {
  /** A graph is about to be compiled; what comes back sees it after each pass. */
  onCompile?(graph: Graph): PassListener;
  /** Kernels were generated from a compiled graph for these sizes. */
  onKernels?(graph: Graph, sizes: DimBindings, print: () => string): void;
  onSpan?(span: Span): void;
}

let observers: readonly Observer[] = [];
const lateReports = new Set<() => void>();

/**
 * Watches all graphs that this process compiles and runs from now on.
 * @returns what ends the watching, after a last report of what is still running
 */
export function observe(observer: Observer): () => void {
  observers = [...observers, observer];
  return () => {
    for (const report of [...lateReports]) report();
    observers = observers.filter((other) => other !== observer);
  };
}

/** Whether anybody wants to know what takes how long; finding out may cost time. */
export function areSpansWanted(): boolean {
  return observers.some(({ onSpan }) => onSpan !== undefined);
}

/** Whether anybody wants to see graphs being compiled, or know how long that takes. */
export function isCompilationWatched(): boolean {
  return observers.some(({ onCompile, onSpan }) => onCompile !== undefined || onSpan !== undefined);
}

/**
 * Has spans reported when the watching ends, by work that learns only when it is over what took how long.
 * @returns what takes the report back, for work that is over before
 */
export function reportLate(report: () => void): () => void {
  lateReports.add(report);
  return () => void lateReports.delete(report);
}

/** Tells the observers of work that is done. */
export function reportSpan(span: Span): void {
  for (const observer of observers) observer.onSpan?.(span);
}

/** Tells the observers of a graph that is about to be compiled. */
export function observeCompilation(graph: Graph): PassListener {
  const listeners = observers.flatMap((observer) => observer.onCompile?.(graph) ?? []);
  return (pass, state) => {
    for (const listener of listeners) listener(pass, state);
  };
}

/** Tells the observers of generated kernels. */
export function reportKernels(graph: Graph, sizes: DimBindings, print: () => string): void {
  for (const observer of observers) observer.onKernels?.(graph, sizes, print);
}

/**
 * Does some work, asynchronous or not, and tells the observers how long it took. Costs nothing where there are none.
 * @param args made only where somebody wants to know
 */
export function withSpan<T>(
  category: SpanCategory,
  name: string,
  args: () => SpanArguments,
  work: () => T,
): T {
  if (!areSpansWanted()) return work();
  const start = performance.now();
  const end = () => reportSpan({ category, name, start, duration: performance.now() - start, args: args() });
  let result: T;
  try {
    result = work();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) return result.finally(end) as T;
  end();
  return result;
}
