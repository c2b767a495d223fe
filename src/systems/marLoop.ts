import type { DiffusionTables } from '../../graphs/diffusionTables.js';
import type { Condition } from '../conditions/condition.js';
import { wordHalves } from '../random/philox.js';
import type { GraphRunner } from '../sampling/runner.js';
import { type DeviceTensor, floatTensor, type HostTensor, intTensor } from '../targets/target.js';
import { classRow } from './inputs.js';
import { drawMarTokens } from './marDiffusion.js';

/** A picture as the loop takes it. */
export interface MarPicture {
  /** Number of the picture under its seed. */
  readonly index: number;
  /** Its tokens in raster order, `[side², channels]`, which the loop completes. */
  readonly tokens: Float32Array;
  /** Raster positions to predict, in order; all others are known. */
  readonly order: readonly number[];
}

/** A row of a batch: a picture with its condition, or without. */
export interface MarRow {
  readonly picture: number;
  readonly condition: Condition;
}

/** How a batch is drawn. */
export interface MarDraw {
  readonly classes: number;
  readonly channels: number;
  /** The pictures with their condition, then, if guided, without. */
  readonly rows: readonly MarRow[];
  /** Tokens that each step predicts. */
  readonly counts: readonly number[];
  /** The scale of guidance in a step, if guided. */
  readonly guidance: (step: number) => number | undefined;
  readonly temperature: number;
  readonly tables: DiffusionTables;
  /** The key of a draw of noise (see `normalKey`). */
  readonly key: (draw: number) => readonly number[];
  readonly signal?: AbortSignal | undefined;
}

const ascending = (a: number, b: number) => a - b;

/** The vectors at some positions of a picture. */
function tokensAt(
  { tokens }: MarPicture,
  positions: readonly number[],
  channels: number,
): readonly Float32Array[] {
  return positions.map((position) => tokens.subarray(position * channels, (position + 1) * channels));
}

/** Vectors side by side in one array. */
function joined(vectors: readonly Float32Array[], length: number): Float32Array {
  const all = new Float32Array(length);
  let at = 0;
  for (const vector of vectors) {
    all.set(vector, at);
    at += vector.length;
  }
  return all;
}

/** What the encoder is asked in a step: what is known of each row, and the positions to predict. */
function encoderInputs(
  pictures: readonly MarPicture[],
  known: readonly (readonly number[])[],
  queries: readonly (readonly number[])[],
  { rows, channels, classes }: MarDraw,
): Readonly<Record<string, HostTensor>> {
  const [count, asked] = [known[0]!.length, queries[0]!.length];
  const vectors = rows.flatMap(({ picture }) => tokensAt(pictures[picture]!, known[picture]!, channels));
  const table = (lists: readonly (readonly number[])[], length: number) =>
    intTensor(
      [rows.length, length],
      rows.flatMap(({ picture }) => lists[picture]!),
    );
  return {
    known: floatTensor([rows.length, count, channels], joined(vectors, rows.length * count * channels)),
    known_positions: table(known, count),
    queries: table(queries, asked),
    class_ids: intTensor(
      [rows.length],
      rows.map(({ condition }) => classRow(condition, classes)),
    ),
  };
}

/** Where the noise of each token is drawn for: its position and picture. */
function noisePlaces(pictures: readonly MarPicture[], queries: readonly (readonly number[])[]): HostTensor {
  const places = pictures.flatMap(({ index }, picture) =>
    queries[picture]!.map((position) => [position, index]),
  );
  return intTensor([places.length, 4], wordHalves(places.flat()));
}

/** Writes drawn tokens, picture by picture, to their positions. */
function writeTokens(
  pictures: readonly MarPicture[],
  queries: readonly (readonly number[])[],
  drawn: HostTensor,
  channels: number,
): void {
  const vectors = drawn.data as Float32Array;
  let row = 0;
  for (const [picture, { tokens }] of pictures.entries())
    for (const position of queries[picture]!) {
      tokens.set(vectors.subarray(row * channels, (row + 1) * channels), position * channels);
      row += 1;
    }
}

/** One step: the vectors to draw from, and the tokens drawn from them. */
async function marStep(
  run: GraphRunner,
  pictures: readonly MarPicture[],
  known: readonly (readonly number[])[],
  queries: readonly (readonly number[])[],
  step: number,
  draw: MarDraw,
): Promise<void> {
  const { guidance, temperature, tables, key, signal, channels } = draw;
  const inputs = encoderInputs(pictures, known, queries, draw);
  const places = noisePlaces(pictures, queries);
  const noise = async (which: number): Promise<DeviceTensor> =>
    (await run.run('noise', { key: intTensor([6], key(which)), places }, ['noise'])).noise!;
  const scale = guidance(step);
  const { z } = await run.run('encode', inputs, ['z']);
  try {
    const drawn = await drawMarTokens(run, z!, {
      ...{ tables, temperature, noise, signal },
      rows: places.shape[0]!,
      ...(scale !== undefined && { guidance: scale }),
    });
    writeTokens(pictures, queries, drawn, channels);
  } finally {
    z!.dispose();
  }
}

/**
 * The sampling loop of MAR (docs/SYSTEMS.md, MAR sampling): each step is a call of encoder and decoder, and many of the
 * network that draws. What calls leave is freed on success, on errors and when the caller stops.
 * @yields after each step, its number
 */
export async function* marSteps(
  run: GraphRunner,
  pictures: readonly MarPicture[],
  draw: MarDraw,
): AsyncGenerator<number, void> {
  const { counts, channels } = draw;
  let done = 0;
  for (const [step, count] of counts.entries()) {
    draw.signal?.throwIfAborted();
    const queries = pictures.map(({ order }) => order.slice(done, done + count).toSorted(ascending));
    const known = pictures.map(({ order, tokens }) => {
      const hidden = new Set(order.slice(done));
      return Array.from({ length: tokens.length / channels }, (_, position) => position).filter(
        (position) => !hidden.has(position),
      );
    });
    await marStep(run, pictures, known, queries, step, draw);
    done += count;
    yield step;
  }
}
