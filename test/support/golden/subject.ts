import type { Graph } from '../../../src/graph/graph.js';
import type { Weights } from '../../../src/graph/weights.js';
import type { System } from '../../../src/systems/system.js';
import type { HostTensor, Target } from '../../../src/targets/target.js';
import type { Checklist } from './checklist.js';
import type { Configuration } from './goldenSet.js';

/** What a generator's set needs beyond the contract of systems. */
export interface SystemExtras {
  /** The step with logits of all that is fed, where the system's own step gives those of the queries alone. */
  readonly allLogits?: (config: object) => Graph;
}

/** A configuration of a generator's set, ready to be replayed. */
export interface GeneratorSubject {
  readonly system: System;
  readonly extras: SystemExtras;
  readonly config: object;
  readonly weights: Weights;
  readonly configuration: Configuration;
  /** The set, for messages. */
  readonly source: string;
  readonly target: Target;
  readonly checklist: Checklist;
}

/** Runs a graph once and reads its outputs. */
export async function runOnce(
  target: Target,
  graph: Graph,
  weights: Weights,
  inputs: Readonly<Record<string, HostTensor>>,
  wanted?: readonly string[],
): Promise<Readonly<Record<string, HostTensor>>> {
  const executable = await target.compile(graph, { weights });
  try {
    const outputs = await executable.run(inputs, wanted);
    const read: Record<string, HostTensor> = {};
    for (const [name, output] of Object.entries(outputs)) {
      const { dtype, shape, data } = await output.read();
      // What was read may share memory with the tensor that is freed here.
      read[name] = { dtype, shape, data: data.slice() };
      output.dispose();
    }
    return read;
  } finally {
    await executable.dispose();
  }
}
