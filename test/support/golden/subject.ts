import type { Graph } from '../../../src/graph/graph.js';
import type { Weights } from '../../../src/graph/weights.js';
import type { Plan } from '../../../src/sampling/plan.js';
import type { System } from '../../../src/systems/system.js';
import type { HostTensor, Target } from '../../../src/targets/target.js';
import type { Checklist } from './checklist.js';
import type { Configuration } from './goldenSet.js';

/** What a generator's set needs beyond the contract of systems; graphs and numbers are the system's own. */
export interface SystemExtras {
  /** The step with what goes on in all that is fed, where the system's own step gives the logits of the queries alone. */
  readonly wholeStep?: (config: object) => Graph;
  /** The training graph with what goes on inside it. */
  readonly wholeTraining?: (config: object) => Graph;
  /** The row of the step's RoPE table for each slot of the sequence, where the slots are not the rows. */
  readonly slotRows?: (config: object) => readonly number[];
  /** Lists of the network, by the key that holds them. */
  readonly lists?: Readonly<Record<string, (config: object) => readonly number[]>>;
  /** The ranks of so many slots that a mask compares, by the key that holds the mask. */
  readonly ranks?: Readonly<Record<string, (config: object, slots: number) => readonly number[]>>;
  /** Which steps are guided in an interval; in all systems without this, all are. */
  readonly guidedSteps?: (config: object, plan: Plan, interval: number | undefined) => readonly boolean[];
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
