import { UsageError } from '../errors.js';
import { symbolsOf, type Dim } from '../graph/dimension.js';
import { type Graph, inputNode } from '../graph/graph.js';
import { GraphError } from '../graph/graphError.js';
import type { Weights } from '../graph/weights.js';
import {
  type DeviceTensor,
  type Executable,
  floatTensor,
  type HostTensor,
  type Target,
  type TargetTensor,
} from '../targets/target.js';

/** What a graph keeps from call to call: its input `past.NAME`, which its output `present.NAME` replaces. */
export interface CacheEntry {
  readonly name: string;
  /** Its shape before the first call: the batch axis is −1, what grows is 0. */
  readonly empty: readonly number[];
}

/** Runs the graphs of a system by name. */
export interface GraphRunner {
  /** What a graph keeps from call to call. */
  caches(graph: string): readonly CacheEntry[];
  /** As `Executable.run`; the graph is compiled when first used. */
  run(
    graph: string,
    inputs: Readonly<Record<string, TargetTensor>>,
    outputs?: readonly string[],
  ): Promise<Readonly<Record<string, DeviceTensor>>>;
}

/** A runner that holds compiled graphs. */
export interface GraphRunnerHolder extends GraphRunner {
  dispose(): Promise<void>;
}

const PAST = 'past.';

/** The caches among the inputs of a graph, found by their names. */
export function cachesAmong(
  inputs: readonly { readonly name: string; readonly shape: readonly Dim[] }[],
): readonly CacheEntry[] {
  const sizeOf = (size: Dim): number => {
    if (typeof size === 'number') return size;
    return symbolsOf(size).includes('batch') ? -1 : 0;
  };
  return inputs.flatMap(({ name, shape }) =>
    name.startsWith(PAST) ? [{ name: name.slice(PAST.length), empty: shape.map(sizeOf) }] : [],
  );
}

/** Empty caches for so many rows, as inputs. */
export function emptyCaches(
  entries: readonly CacheEntry[],
  rows: number,
): Readonly<Record<string, HostTensor>> {
  return Object.fromEntries(
    entries.map(({ name, empty }) => [
      `${PAST}${name}`,
      floatTensor(
        empty.map((size) => (size < 0 ? rows : size)),
        [],
      ),
    ]),
  );
}

/**
 * Runs graphs on a target; each is built and compiled when first used.
 * @param graphs by name
 * @throws GraphError for names that are not among them.
 */
export function createGraphRunner(
  graphs: Readonly<Record<string, () => Graph>>,
  weights: Weights,
  target: Target,
): GraphRunnerHolder {
  const built = new Map<string, Graph>();
  const compiled = new Map<string, Promise<Executable>>();
  const graphOf = (name: string): Graph => {
    const make = graphs[name];
    if (!make) throw new GraphError(`there is no graph '${name}'`);
    const graph = built.get(name) ?? make();
    built.set(name, graph);
    return graph;
  };
  let isDisposed = false;
  const executableOf = (name: string): Promise<Executable> => {
    if (isDisposed) throw new UsageError('the sampler was disposed of: make it again');
    const executable = compiled.get(name) ?? target.compile(graphOf(name), { weights });
    compiled.set(name, executable);
    return executable;
  };
  return {
    caches: (name) =>
      cachesAmong(
        graphOf(name).inputs.map((tensor) => ({ name: inputNode(tensor).name, shape: tensor.shape })),
      ),
    run: async (name, inputs, outputs) => (await executableOf(name)).run(inputs, outputs),
    async dispose() {
      isDisposed = true;
      // Whoever asked for what could not be compiled has heard of it.
      const made = await Promise.allSettled(compiled.values());
      compiled.clear();
      for (const result of made) if (result.status === 'fulfilled') await result.value.dispose();
    },
  };
}
