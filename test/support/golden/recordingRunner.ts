import type { Plan } from '../../../src/sampling/plan.js';
import type { GraphRunner } from '../../../src/sampling/runner.js';
import type { DeviceTensor, HostTensor } from '../../../src/targets/target.js';

/** A runner that keeps the logits of each pass. */
export interface RecordingRunner extends GraphRunner {
  /** `[rows, positions fed, vocabulary]`, pass by pass. */
  readonly logits: readonly HostTensor[];
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

/**
 * Wraps a runner: it keeps the logits of each pass, and hands on those that the loop asks for, the last of each row.
 * @param change makes of these what the loop draws from
 */
export function recordingRunner(
  runner: GraphRunner,
  { steps }: Plan,
  change: (queries: HostTensor, step: number) => HostTensor = (queries) => queries,
): RecordingRunner {
  const recorded: HostTensor[] = [];
  return {
    logits: recorded,
    caches: (graph) => runner.caches(graph),
    run: async (graph, inputs, outputs) => {
      const results = await runner.run(graph, inputs, outputs);
      if (!results.logits) return results;
      const { dtype, shape, data } = await results.logits.read();
      const own = { dtype, shape, data: data.slice() };
      results.logits.dispose();
      const step = recorded.push(own) - 1;
      return { ...results, logits: kept(change(lastEntries(own, steps[step]!.predicts), step)) };
    },
  };
}
