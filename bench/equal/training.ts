import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/atomicFile.js';
import { openImageSource } from '../../src/data/imageSource.js';
import { formatTokenLine } from '../../src/data/tokenLines.js';
import { encodeSource, type RunProgress, trainGenerator, trainTokenizer } from '../../src/faces/training.js';
import type { Target } from '../../src/targets/target.js';
import { DIGITS_MODEL, openShippedTokenizer } from '../../test/support/modelMetrics.js';
import { type Contender, TOKENIZERS, type TokenizerName } from './contenders.js';

/** What all trainings share. */
export interface Setting {
  readonly images: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Of the tokenizers that are trained here. */
  readonly tokenizerSteps: number;
  /** Pictures that each row of the table is measured on. */
  readonly samples: number;
}

/** Where a comparison lies, and what runs it. */
export interface Workplace {
  readonly folder: string;
  /** The digits to train on. */
  readonly digits: string;
  readonly target: Target;
  readonly note: (line: string) => void;
}

const WARMUP = 50;
const LABEL_DROPOUT = 0.1;
const CHECKPOINT_EVERY = 200;
const TOKENIZER_BATCH = 32;
const TOKENIZER_RATE = 0.002;

/** The run's folder, its model's, and how it is begun or continued; undefined where it is done. */
function runOf({ folder, digits }: Workplace, name: string) {
  const run = join(folder, name);
  const model = join(run, 'model');
  const request = existsSync(join(run, 'run.json')) ? { resume: run } : undefined;
  return { run, model, isDone: existsSync(join(model, 'config.json')), request, digits };
}

/** Notes of a training, and every hundredth step. */
function hostOf({ target, note }: Workplace, name: string) {
  return {
    target,
    onNote: (line: string) => note(`${name}: ${line}`),
    onProgress: ({ phase, done, total, loss }: RunProgress) => {
      if (done % 100 === 0 && loss !== undefined)
        note(`${name}: ${phase} ${done} of ${total}, loss ${loss.toFixed(3)}`);
    },
  };
}

/** The model folder with a tokenizer: the shipped one of indices, or one that is trained now if it is not yet. */
export async function tokenizerFolder(
  place: Workplace,
  name: TokenizerName,
  { tokenizerSteps: steps, seed }: Setting,
): Promise<string> {
  if (name === 'vq') return DIGITS_MODEL;
  const { run, model, isDone, request, digits } = runOf(place, `tokenizer-${name}`);
  if (isDone) return model;
  await trainTokenizer(
    request ?? {
      ...{ kind: name, config: TOKENIZERS[name], data: digits, out: run, steps, seed, holdout: 0 },
      ...{ batch: TOKENIZER_BATCH, learningRate: TOKENIZER_RATE, checkpointEvery: CHECKPOINT_EVERY },
    },
    hostOf(place, name),
  );
  return model;
}

/** The digits as tokens of the shared tokenizer, encoded once for all systems. */
export async function sharedTokens({ folder, digits, note }: Workplace): Promise<string> {
  const file = join(folder, 'tokens.jsonl');
  if (existsSync(file)) return file;
  note('encoding the digits');
  const tokenizer = openShippedTokenizer(DIGITS_MODEL);
  const source = await openImageSource(digits);
  const side = tokenizer.facts.imageSize / tokenizer.factor;
  const { tokens } = await encodeSource(source, tokenizer, false);
  await tokenizer.dispose();
  const lines = Array.from(tokens.classIds, (classId, index) =>
    formatTokenLine({
      tokens: Array.from(tokens.tokens.subarray(index * side ** 2, (index + 1) * side ** 2)),
      grid: [side, side],
      class_id: classId,
      class: source.labels[classId]!,
    }),
  );
  writeFileAtomically(file, [Buffer.from(lines.join(''))]);
  return file;
}

/** The model folder of a network, trained now if it is not yet. */
export async function trainedFolder(
  place: Workplace,
  { name, system, tokenizer, config }: Contender,
  setting: Setting,
): Promise<string> {
  const { run, model, isDone, request, digits } = runOf(place, name);
  if (isDone) return model;
  const { steps, batch, learningRate, seed } = setting;
  await trainGenerator(
    request ?? {
      ...{ system, config, out: run, steps, batch, learningRate, seed },
      ...{ warmup: WARMUP, holdout: 0, dropout: 0, labelDropout: LABEL_DROPOUT },
      checkpointEvery: CHECKPOINT_EVERY,
      tokenizer: await tokenizerFolder(place, tokenizer, setting),
      data: tokenizer === 'vq' ? await sharedTokens(place) : digits,
    },
    hostOf(place, name),
  );
  return model;
}
