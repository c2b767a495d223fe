import { countElements } from '../../../src/graph/dimension.js';
import { readFloats, type StoredTensor } from '../../../src/graph/weights.js';
import {
  floatTensor,
  type HostTensor,
  isDeviceTensor,
  type TargetTensor,
} from '../../../src/targets/target.js';
import { stateName, trainedParameters } from '../../../src/training/stepNames.js';
import { ADAMW_DEFAULTS, statePartsOf, trainingStep } from '../../../src/training/trainingStep.js';
import { trainingInputs } from './replayTraining.js';
import type { GeneratorSubject } from './subject.js';

/** That of all sets; the rest of their optimiser is what the program has anyway. */
const LEARNING_RATE = 1e-3;

/** A parameter's state before the first step. */
function initialState(name: string, stored: StoredTensor): readonly (readonly [string, TargetTensor])[] {
  return statePartsOf(ADAMW_DEFAULTS).map((part) => {
    const values = part === 'parameter' ? readFloats(stored) : new Float32Array(countElements(stored.shape));
    return [stateName(part, name), floatTensor(stored.shape, values)];
  });
}

const asList = (values: readonly number[]): HostTensor => floatTensor([values.length], values);

/** Checks AdamW steps on the set's training batch: losses, gradient norms before the clip, and the weights after. */
export async function replayOptimizer(subject: GeneratorSubject): Promise<void> {
  const { system, config, weights, target, checklist } = subject;
  const lists = checklist.asked(/^optim\.(losses|grad_norms)$/);
  const after = checklist.asked(/^optim\.after(\d+)\./);
  const steps = Math.max(0, ...lists.map(({ shape }) => shape[0]!), ...after.map(({ name }) => Number(name)));
  if (steps === 0) return;
  const { graph } = system.training(config);
  const inputs = trainingInputs(subject, graph);
  const names = trainedParameters(graph).map(({ name }) => name);
  let state = Object.fromEntries(names.flatMap((name) => initialState(name, weights.get(name)!)));
  const [losses, norms]: [number[], number[]] = [[], []];
  const executable = await target.compile(trainingStep(graph));
  try {
    for (let step = 1; step <= steps; step++) {
      const outputs = await executable.run({
        ...inputs,
        ...state,
        learning_rate: floatTensor([], [LEARNING_RATE]),
        step: floatTensor([], [step]),
      });
      losses.push((await outputs.loss!.read()).data[0]!);
      norms.push((await outputs.gradient_norm!.read()).data[0]!);
      for (const tensor of Object.values(state)) if (isDeviceTensor(tensor)) tensor.dispose();
      state = Object.fromEntries(Object.keys(state).map((name) => [name, outputs[`next.${name}`]!]));
      for (const { key, name } of checklist.asked(new RegExp(`^optim\\.after${step}\\.(.+)$`))) {
        const trained = outputs[`next.${stateName('parameter', name)}`];
        if (trained) checklist.compare('trainedWeights', `optim.after${step}`, key, await trained.read());
      }
    }
  } finally {
    await executable.dispose();
  }
  for (const { key, name } of lists)
    if (name === 'losses') checklist.compare('losses', key, key, asList(losses));
    else checklist.compare('gradientNorms', key, key, asList(norms));
}
