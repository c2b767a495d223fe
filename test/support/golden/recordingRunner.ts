import type { Plan } from '../../../src/sampling/plan.js';
import type { GraphRunner } from '../../../src/sampling/runner.js';
import type { DeviceTensor, HostTensor } from '../../../src/targets/target.js';

/** A runner that keeps the logits of each pass. */
export interface RecordingRunner extends GraphRunner {
  /** `[rows, positions fed, vocabulary]`, pass by pass. */
  readonly logits: readonly HostTensor[];
  /** Further outputs by name, pass by pass. */
  readonly further: ReadonlyMap<string, readonly HostTensor[]>;
}

/** The last entries along the second axis. */
function lastEntries({ dtype, shape, data }: HostTensor, count: number): HostTensor {
  const [rows, entries, width] = shape as [number, number, number];
  const kept = new Float32Array(rows * count * width);
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * entries * width;
    kept.set((data as Float32Array).subarray(end - count * width, end), row * count * width);
  }
  return { dtype, shape: [rows, count, width], data: kept };
}

/** A tensor in this process's memory, as if a target kept it. */
function kept(tensor: HostTensor): DeviceTensor {
  return { dtype: tensor.dtype, shape: tensor.shape, read: async () => tensor, dispose: () => {} };
}

/** Reads an output and frees it. */
async function taken(output: DeviceTensor): Promise<HostTensor> {
  const { dtype, shape, data } = await output.read();
  // What was read may share memory with the tensor that is freed here.
  const own = { dtype, shape, data: data.slice() };
  output.dispose();
  return own;
}

/**
 * Wraps a runner: it keeps the logits of each pass, and hands on those that the loop asks for, the last of each row.
 * @param names of further outputs that it keeps
 * @param change makes of these what the loop draws from
 */
export function recordingRunner(
  runner: GraphRunner,
  { steps }: Plan,
  names: readonly string[] = [],
  change: (queries: HostTensor, step: number) => HostTensor = (queries) => queries,
): RecordingRunner {
  const recorded: HostTensor[] = [];
  const further = new Map(names.map((name) => [name, [] as HostTensor[]]));
  return {
    logits: recorded,
    further,
    caches: (graph) => runner.caches(graph),
    run: async (graph, inputs, outputs) => {
      const { logits, ...results } = await runner.run(graph, inputs, outputs && [...outputs, ...names]);
      if (!logits) return results;
      const step = recorded.push(await taken(logits)) - 1;
      for (const [name, passes] of further) passes.push(await taken(results[name]!));
      const queries = lastEntries(recorded[step]!, steps[step]!.predicts);
      return { ...results, logits: kept(change(queries, step)) };
    },
  };
}
