import { Flags, type Interfaces } from '@oclif/core';
import { MAX_BATCH, MAX_STEPS, TRAINING_DEFAULTS, type TrainingRequest } from '../faces/training.js';
import { modelFlags, OTHER_NAMES, seedFlag } from './baseCommand.js';
import { GROUPS } from './flagGroups.js';
import { type NumberRange, parseNumber } from './numbers.js';

/** A flag for a number that need not be whole; the request it goes into says where it may lie. */
export function numberFlag(description: string, value: number, helpValue: string) {
  return Flags.string({ helpGroup: GROUPS.training, description, default: String(value), helpValue });
}

/** Flags of both trainings. */
export const trainFlags = {
  data: Flags.string({
    description:
      'folder of class folders with PNG, JPEG or WebP files, nested ones for groups of classes; folder with IDX files (MNIST); .npz archive. Of several parts, the one named train is used',
    helpValue: 'PATH',
  }),
  out: Flags.string({ char: 'o', aliases: ['output'], description: 'run folder to make', helpValue: 'RUN' }),
  resume: Flags.string({
    description:
      'continue this run from its latest checkpoint; --steps extends it, --data and others say where its files are now',
    helpValue: 'RUN',
    exclusive: ['out'],
  }),
  steps: Flags.integer({
    helpGroup: GROUPS.training,
    description: 'optimiser steps',
    default: TRAINING_DEFAULTS.steps,
    min: 1,
    max: MAX_STEPS,
  }),
  batch: Flags.integer({
    helpGroup: GROUPS.training,
    description: 'images a step, of all ranks together where mpirun or srun starts several',
    default: TRAINING_DEFAULTS.batch,
    min: 1,
    max: MAX_BATCH,
  }),
  lr: numberFlag(
    'peak learning rate; it falls to a tenth along a cosine',
    TRAINING_DEFAULTS.learningRate,
    'RATE',
  ),
  warmup: Flags.integer({
    helpGroup: GROUPS.training,
    description: 'steps over which the learning rate rises',
    default: TRAINING_DEFAULTS.warmup,
    min: 0,
  }),
  ema: numberFlag(
    'decay of averaged weights, which are then kept; 0 keeps the last',
    TRAINING_DEFAULTS.ema,
    'DECAY',
  ),
  holdout: numberFlag('share of the images to validate on', TRAINING_DEFAULTS.holdout, 'SHARE'),
  'checkpoint-every': Flags.integer({
    helpGroup: GROUPS.training,
    description: 'steps between checkpoints',
    default: TRAINING_DEFAULTS.checkpointEvery,
    min: 1,
  }),
  accumulate: Flags.integer({
    helpGroup: GROUPS.training,
    description:
      'parts that a batch is worked on in, one after the other, to save memory; the entropy and rate terms of a tokenizer are then those of each part, averaged',
    default: TRAINING_DEFAULTS.accumulate,
    min: 1,
  }),
  recompute: Flags.boolean({
    helpGroup: GROUPS.training,
    description: 'save memory: compute what happens inside each block again for its gradient',
    default: TRAINING_DEFAULTS.recompute,
  }),
  flip: Flags.boolean({
    helpGroup: GROUPS.training,
    description: 'mirror every other image',
    default: TRAINING_DEFAULTS.flip,
  }),
  init: Flags.string({
    description: `start from the weights of this model instead of random ones: a folder${OTHER_NAMES}; of a generator, all sizes but the number of classes must be its own`,
    helpValue: 'DIR',
    default: TRAINING_DEFAULTS.init,
  }),
  freeze: Flags.string({
    description:
      "parameters that stay as they are, by name: * stands for any text, ? for one character, as in 'embeddings.*'; may be given several times",
    helpValue: 'PATTERN',
    multiple: true,
    multipleNonGreedy: true,
  }),
  target: modelFlags.target,
  'allow-fallback': modelFlags['allow-fallback'],
  threads: modelFlags.threads,
  ...seedFlag,
};

export const SHARE: NumberRange = { min: 0, below: 1 };
export const WEIGHT: NumberRange = { min: 0 };

/** The flags that the user gave, without those that have their defaults. */
export function givenFlags<T extends object>(
  flags: T,
  metadata: { readonly flags: Readonly<Record<string, { readonly setFromDefault?: boolean } | undefined>> },
): Partial<T> {
  const given = Object.entries(flags).filter(([name]) => metadata.flags[name]?.setFromDefault !== true);
  return Object.fromEntries(given) as Partial<T>;
}

/** A number that may have been given. @throws UsageError when it is none, or out of range. */
export function givenNumber(text: string | undefined, flag: string, range: NumberRange): number | undefined {
  return text === undefined ? undefined : parseNumber(text, flag, range);
}

/** What the flags of both trainings ask for. @throws UsageError for numbers that are none, or out of range. */
export function sharedRequest(given: Partial<Interfaces.InferredFlags<typeof trainFlags>>): TrainingRequest {
  const { data, out, resume, steps, batch, warmup, accumulate, recompute, flip, init, freeze, seed } = given;
  return {
    ...{ data, out, resume, steps, batch, warmup, accumulate, recompute, flip, init, freeze, seed },
    learningRate: givenNumber(given.lr, '--lr', { above: 0 }),
    ema: givenNumber(given.ema, '--ema', SHARE),
    holdout: givenNumber(given.holdout, '--holdout', SHARE),
    checkpointEvery: given['checkpoint-every'],
  };
}
