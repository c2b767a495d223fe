import { parseSystemConfig, parseTokenizerConfig, requireSystem, type System } from '../../src/index.js';
import { countElements } from '../../src/graph/dimension.js';
import { openTokenizer } from '../../src/models/modelFolder.js';
import { requireTokenizer } from '../../src/tokenizers/registry.js';
import { trainedParameters } from '../../src/training/stepNames.js';
import { DIGITS_MODEL } from '../../test/support/modelMetrics.js';
import { type Contender, PARAMETERS, TOKENIZERS, type TokenizerName, TOLERANCE } from './contenders.js';

const CLASSES = 10;

function openedTokenizer(name: TokenizerName) {
  if (name === 'vq') return openTokenizer(DIGITS_MODEL);
  const kind = requireTokenizer(name);
  return { kind, config: parseTokenizerConfig(kind, TOKENIZERS[name], name) };
}

/** A network's whole configuration: with the fields that the tokenizer and the digits decide, as training fills them in. */
export function configOf({ system: name, config, tokenizer }: Contender): {
  readonly system: System;
  readonly config: object;
} {
  const system = requireSystem(name);
  const { kind, config: fields } = openedTokenizer(tokenizer);
  const { codes, imageSize, factor } = kind.facts(fields);
  const side = imageSize / factor;
  const grid = { height: side, width: side };
  const sized = system.config.sized({ codes, grid, classes: CLASSES, tokenizer: fields });
  return { system, config: parseSystemConfig(system, { ...config, ...sized }, name) };
}

/** Parameters that training changes: those that a network shares with its tokenizer are not. */
export function countTrained({ training, checkpoint }: System, config: object): number {
  return trainedParameters(training(config).graph)
    .filter(({ name }) => !checkpoint.ofTokenizer?.test(name))
    .reduce((sum, { outputs: [tensor] }) => sum + countElements(tensor!.shape as readonly number[]), 0);
}

/** @throws Error naming a network that has more or fewer parameters than all are to have. */
export function requireEqualSizes(contenders: readonly Contender[]): void {
  for (const contender of contenders) {
    const { system, config } = configOf(contender);
    const count = countTrained(system, config);
    if (Math.abs(count / PARAMETERS - 1) > TOLERANCE)
      throw new Error(`${contender.title} has ${count} parameters where all have about ${PARAMETERS}`);
  }
}
