import type { Tokens } from '../../codes.js';
import { GraphError } from '../../graph/graphError.js';
import {
  type DeviceTensor,
  floatTensor,
  type HostTensor,
  intTensor,
  isDeviceTensor,
  type TargetTensor,
} from '../../targets/target.js';
import { drawScratch } from '../drawScratch.js';
import { rowOf, temperedLogits } from '../drawTokens.js';
import { filterLogits } from '../filter.js';
import { pickToken } from '../pickToken.js';
import { isGuided, type SamplingOptions, type StepReport } from '../request.js';
import { emptyCaches, type GraphRunner } from '../runner.js';
import type { ScaleNoise } from './noise.js';
import { smoothShares } from './smoothShares.js';

/** A picture as the loop takes it. */
export interface ScalePicture {
  readonly noise: ScaleNoise;
  /** The codes of all scales that are given, −1 where one is to be drawn. */
  readonly given: Int32Array;
}

/** What a system does in the loop. */
export interface ScaleLoop {
  /** Sides of the scales. */
  readonly sides: readonly number[];
  readonly codebookSize: number;
  readonly codebookDim: number;
  /** The class of each row, i32 `[rows]`: the pictures with it, then, if guided, without. */
  readonly classIds: HostTensor;
  /** The scale of the guidance, where 1 is the condition alone, from 0 at the first of the scales to 1 at the last. */
  readonly scale: (progress: number) => number;
  /** Whether each scale's codes are mixed instead of drawn. */
  readonly smooth: boolean;
}

/** A scale of a batch. */
interface Scale {
  readonly scale: number;
  /** Number of its first code among those of all scales, and how many it has. */
  readonly start: number;
  readonly length: number;
  /** 0 at the first scale, 1 at the last. */
  readonly progress: number;
}

function scalesOf(sides: readonly number[]): readonly Scale[] {
  let start = 0;
  return sides.map((side, scale) => {
    const own = { scale, start, length: side ** 2, progress: scale / (sides.length - 1) };
    start += own.length;
    return own;
  });
}

const NOTHING = floatTensor([0], []);

function release(tensors: Iterable<TargetTensor>): void {
  for (const tensor of tensors) if (isDeviceTensor(tensor)) tensor.dispose();
}

/** The codes of a scale for each row, i32 `[rows, length]`. */
function codesOfRows(tokens: readonly Int32Array[], rows: number, { start, length }: Scale): HostTensor {
  const data = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++)
    data.set(tokens[row % tokens.length]!.subarray(start, start + length), row * length);
  return intTensor([rows, length], data);
}

/** Draws the codes of a scale that are not given. @param shares where mixtures are written, one row for each code */
function drawScale(
  logits: HostTensor,
  { scale, start, length, progress }: Scale,
  pictures: readonly ScalePicture[],
  tokens: readonly Int32Array[],
  loop: ScaleLoop,
  options: SamplingOptions,
  shares: Float32Array | undefined,
): void {
  const { codebookSize, sides } = loop;
  const { tempered, filter, race } = drawScratch(codebookSize);
  const step = `step ${scale + 1} of ${sides.length}`;
  for (const [picture, { noise, given }] of pictures.entries())
    for (let place = 0; place < length; place++) {
      const position = start + place;
      const at = (picture * length + place) * codebookSize;
      const mixture = shares?.subarray(at, at + codebookSize);
      if (given[position]! >= 0) {
        tokens[picture]![position] = given[position]!;
        if (mixture) mixture[given[position]!] = 1;
        continue;
      }
      const own = rowOf(logits, picture, place);
      const rows = isGuided(options) ? [own, rowOf(logits, picture + pictures.length, place)] : [own];
      temperedLogits(rows, loop.scale(progress), options, step, tempered);
      const kept = filterLogits(tempered, options, filter);
      tokens[picture]![position] = pickToken(kept, noise.race(position), race);
      if (mixture) smoothShares(kept, progress, noise.gumbel(position, codebookSize), mixture);
    }
}

/** Reads vectors of all rows, frees them, and gives each picture's. */
async function takenVectors(tensor: DeviceTensor, pictures: number): Promise<readonly Float32Array[]> {
  try {
    const { shape, data } = await tensor.read();
    const length = data.length / shape[0]!;
    return Array.from(
      { length: pictures },
      // What was read may share memory with the tensor that is freed here.
      (_, picture) => (data as Float32Array).slice(picture * length, (picture + 1) * length),
    );
  } finally {
    tensor.dispose();
  }
}

/** Rows of the pictures twice, where they are guided. */
function forRows(values: Float32Array, shape: readonly number[], rows: number): HostTensor {
  const data = new Float32Array((values.length / shape[0]!) * rows);
  for (let start = 0; start < data.length; start += values.length) data.set(values, start);
  return floatTensor([rows, ...shape.slice(1)], data);
}

/**
 * The sampling loop of systems that draw a picture as maps of growing size. Each scale is one call of the graph `step`, which
 * takes the caches `past.*` and gives `present.*` for the next, and one of `scale.N`, which makes of the scale's codes what
 * the next one is told (`mix.N` of mixtures). Whatever is kept is freed at the end, on errors and when the caller stops.
 * @returns each picture's codes, scale by scale; where they are mixed, its latent `[positions, codebookDim]`
 */
export async function* scaleSteps(
  run: GraphRunner,
  pictures: readonly ScalePicture[],
  options: SamplingOptions,
  loop: ScaleLoop,
): AsyncGenerator<StepReport, readonly Tokens[]> {
  const { sides, codebookSize, codebookDim, classIds, smooth } = loop;
  const [rows] = classIds.shape as readonly [number];
  const scales = scalesOf(sides);
  const [whole, codes] = [sides.at(-1)!, scales.reduce((sum, { length }) => sum + length, 0)];
  const tokens = pictures.map(() => new Int32Array(codes).fill(-1));
  const entries = run.caches('step');
  let caches: Readonly<Record<string, TargetTensor>> = emptyCaches(entries, rows);
  const zeros = (...shape: readonly number[]) =>
    floatTensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  let latent: TargetTensor = zeros(rows, codebookDim, whole, whole);
  let nextInput: TargetTensor = zeros(rows, scales[0]!.length, codebookDim);
  try {
    for (const own of scales) {
      options.signal?.throwIfAborted();
      const { scale, start, length } = own;
      const positions = intTensor(
        [length],
        Int32Array.from({ length }, (_, place) => start + place),
      );
      const outputs = await run.run(
        'step',
        { class_ids: classIds, positions, next_input: nextInput, ...caches },
        ['logits', ...entries.map(({ name }) => `present.${name}`)],
      );
      release([...Object.values(caches), nextInput]);
      nextInput = NOTHING;
      caches = Object.fromEntries(entries.map(({ name }) => [`past.${name}`, outputs[`present.${name}`]!]));
      try {
        const logits = await outputs.logits!.read();
        const shares = smooth ? new Float32Array(pictures.length * length * codebookSize) : undefined;
        drawScale(logits, own, pictures, tokens, loop, options, shares);
        yield { step: scale, steps: scales.length, logits, tokens };
        const isLast = scale === scales.length - 1;
        if (isLast && !shares) return tokens;
        const drawn = shares
          ? { mixtures: forRows(shares, [pictures.length, length, codebookSize], rows) }
          : { tokens: codesOfRows(tokens, rows, own) };
        const added = await run.run(`${shares ? 'mix' : 'scale'}.${scale}`, { latent, ...drawn });
        release([latent]);
        latent = NOTHING;
        if (isLast) return await takenVectors(added.vectors!, pictures.length);
        latent = added['next.latent']!;
        nextInput = added.next_input!;
      } finally {
        outputs.logits!.dispose();
      }
    }
    throw new GraphError('a picture has no scales');
  } finally {
    release([...Object.values(caches), nextInput, latent]);
  }
}
