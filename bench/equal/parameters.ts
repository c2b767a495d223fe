import type { System } from '../../src/index.js';
import { trainedParameters } from '../../src/training/trainingStep.js';
import { countElements } from '../../src/graph/dimension.js';

/** Parameters that training changes: those that a network shares with its tokenizer are not. */
export function countTrained({ training, checkpoint }: System, config: object): number {
  return trainedParameters(training(config).graph)
    .filter(({ name }) => !checkpoint.ofTokenizer?.test(name))
    .reduce((sum, { outputs: [tensor] }) => sum + countElements(tensor!.shape as readonly number[]), 0);
}
