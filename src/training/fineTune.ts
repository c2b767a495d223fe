import type { GeneratorModel, TokenizerModel } from '../models/modelFolder.js';
import { InputError } from '../errors.js';
import { readFloats, storedFloats, type Weights } from '../graph/weights.js';
import type { System } from '../systems/system.js';
import { drawnWeights } from './trainingState.js';

/** A generator to be trained: its sizes, and the names of its classes, empty where they have none. */
export interface NewGenerator {
  readonly system: System;
  readonly config: object;
  readonly labels: readonly string[];
  /** The tokenizer's fields. */
  readonly tokenizer: object;
}

/** Weights to start a training from, and what became of the classes where they are others. */
export interface StartingWeights {
  readonly weights: Weights;
  readonly note?: string;
}

/** @throws InputError naming the fields that differ. */
function requireSame(known: object, wanted: object, source: string): void {
  const own = known as Readonly<Record<string, unknown>>;
  const others = Object.entries(wanted).filter(
    ([name, value]) => JSON.stringify(own[name]) !== JSON.stringify(value),
  );
  if (others.length === 0) return;
  const list = others.map(
    ([name, value]) => `${name} is ${JSON.stringify(own[name])} there and ${JSON.stringify(value)} here`,
  );
  throw new InputError(
    `${source}: training cannot start from a model of other sizes: ${list.join(', ')}; use a --config, tokenizer and data like its own`,
  );
}

/** A model's fields but for the number of classes, whatever its system calls it, which is that of the new generator. */
function withClassesOf(
  { config: known }: GeneratorModel,
  { system, config, tokenizer }: NewGenerator,
): object {
  const { grid, codes } = system.config.facts(known);
  const { classes } = system.config.facts(config);
  return { ...known, ...system.config.sized({ grid, classes, codes, tokenizer }) };
}

/**
 * For each class of the new generator, the known model's class whose row it takes; undefined where it is drawn. Classes
 * are the same where their names are, or where they are as many and one side has no names.
 */
function sameClasses(
  known: GeneratorModel,
  { system, config, labels }: NewGenerator,
): readonly (number | undefined)[] {
  const areNamed = known.labels.length > 0 && labels.length > 0;
  const count = system.config.facts(config).classes;
  const areAsMany = known.system.config.facts(known.config).classes === count;
  return Array.from({ length: count }, (_, classId) => {
    if (!areNamed) return areAsMany ? classId : undefined;
    const place = known.labels.indexOf(labels[classId]!);
    return place < 0 ? undefined : place;
  });
}

/**
 * The weights of a model as those of a generator with its own classes: all are the model's but the rows of classes that
 * it does not know, which are drawn from the seed.
 * @param source what messages call the model
 * @throws InputError naming the fields in which the two differ otherwise.
 */
export function generatorStart(
  known: GeneratorModel,
  wanted: NewGenerator,
  source: string,
  seed: number,
): StartingWeights {
  const { system, config } = wanted;
  if (known.system !== system)
    throw new InputError(
      `${source}: training cannot start from a model of another system: it is ${known.system.title}, the run ${system.title}; use --system ${known.system.name}, or another model`,
    );
  requireSame(withClassesOf(known, wanted), config, source);
  const classes = sameClasses(known, wanted);
  const count = system.config.facts(known.config).classes;
  const isSame = count === classes.length && classes.every((place, classId) => place === classId);
  if (isSame) return { weights: known.weights };
  const { parameter, first } = system.checkpoint.classRows(config);
  const stored = known.weights.get(parameter)!;
  const rows = readFloats(stored);
  const width = stored.shape[1]!;
  const table = drawnWeights(system.training(config).graph, parameter, seed);
  const copy = (from: number, to: number, length = 1) =>
    table.set(rows.subarray(from * width, (from + length) * width), to * width);
  copy(0, 0, first);
  copy(first + count, first + classes.length, stored.shape[0]! - first - count);
  for (const [classId, place] of classes.entries())
    if (place !== undefined) copy(first + place, first + classId);
  const kept = classes.filter((place) => place !== undefined).length;
  return {
    weights: new Map([...known.weights, [parameter, storedFloats([table.length / width, width], table)]]),
    note: `${source}: its ${count} classes are not those of the data: of ${classes.length}, ${kept} are known to it by name, ${classes.length - kept} start from random numbers; all other weights are kept`,
  };
}

/**
 * The weights of a tokenizer to train another from, whose images may have another size.
 * @param source what messages call the model
 * @throws InputError naming the fields in which the two differ otherwise, or the kinds.
 */
export function tokenizerStart(
  known: TokenizerModel,
  { kind, config: wanted }: Pick<TokenizerModel, 'kind' | 'config'>,
  source: string,
): Weights {
  if (known.kind !== kind)
    throw new InputError(
      `${source}: training cannot start from a tokenizer of another kind: it is of kind ${known.kind.name}, the run of kind ${kind.name}`,
    );
  requireSame(kind.training.sized(known.config, kind.facts(wanted).imageSize), wanted, source);
  return known.weights;
}
