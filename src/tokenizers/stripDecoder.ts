import type { NormedConvolution, StripBlock } from '../../graphs/vqDecoderStrips.js';
import type { IndexCodes } from '../codes.js';
import type { RgbImage } from '../data/image.js';
import type { Graph } from '../graph/graph.js';
import { readFloats, type Weights } from '../graph/weights.js';
import { requireFinite } from '../targets/finite.js';
import { floatTensor, type HostTensor, intTensor, type Target } from '../targets/target.js';
import { emptyMap, type FeatureMap, groupNormOf, putStrip, stripOf } from './featureMap.js';
import { signalPixels } from './pixelSignal.js';

/** A decoder in parts that take a strip of rows at a time. Its levels enlarge the map twofold between them. */
export interface StripDecoding {
  /** Of GroupNorm. */
  readonly groups: number;
  readonly epsilon: number;
  /** Channels of each level, from the tokens' own size to the picture's. */
  readonly channels: readonly number[];
  /** `indices` → `map` of the last of so many levels, not enlarged. */
  start(levels: number): Graph;
  /** Enlarges a level's result: `strip` → `result`. */
  enlarging(level: number): Graph;
  blocks(level: number): readonly StripBlock[];
  end(): NormedConvolution;
}

/** Sizes in bytes from which the work is divided. */
export interface StripLimits {
  /** Maps larger than this are worked on in strips. */
  readonly map: number;
  /** About what a strip's map has: large beside the rows that neighbours share, small beside a map. */
  readonly strip: number;
}

const LIMITS: StripLimits = { map: 2 ** 27, strip: 2 ** 24 };
const BYTES = Float32Array.BYTES_PER_ELEMENT;

/**
 * How many of a decoder's levels are worked on whole: those whose maps have at most 128 MiB, of which a run holds some
 * at once. All are for pictures up to 512×512 pixels of 128 channels; the first always is.
 */
export function wholeLevels(
  channels: readonly number[],
  { height, width }: IndexCodes['grid'],
  { map }: Pick<StripLimits, 'map'> = LIMITS,
): number {
  const isLarge = (count: number, level: number) => {
    // A level begins with the channels of the one before.
    const widest = Math.max(count, channels[level - 1] ?? 0);
    return level > 0 && widest * height * width * 4 ** level * BYTES > map;
  };
  const large = channels.findIndex(isLarge);
  return large === -1 ? channels.length : large;
}

/** What the parts run on. */
interface Place {
  readonly target: Target;
  readonly weights: Weights;
  readonly decoding: StripDecoding;
  /** Where to divide the work (default: as `wholeLevels` says). */
  readonly limits?: StripLimits;
}

/** What a strip begins with, and how many rows it has. */
type StripWork = (
  run: (inputs: Readonly<Record<string, HostTensor>>) => Promise<HostTensor>,
) => Promise<void>;

/** Compiles a part, and frees it when the work is done. */
async function withPart(
  { target, weights }: Place,
  graph: Graph,
  output: string,
  work: StripWork,
): Promise<void> {
  const executable = await target.compile(graph, { weights });
  try {
    await work(async (inputs) => {
      const results = await executable.run(inputs, [output]);
      const tensor = results[output]!;
      try {
        const { dtype, shape, data } = await tensor.read();
        return { dtype, shape, data };
      } finally {
        tensor.dispose();
      }
    });
  } finally {
    await executable.dispose();
  }
}

/** First row and rows of each strip of a map. */
function stripsOf(
  { channels, height, width }: Omit<FeatureMap, 'data'>,
  { limits = LIMITS }: Place,
): readonly (readonly [number, number])[] {
  const most = Math.max(1, Math.floor(limits.strip / (channels * width * BYTES)));
  const count = Math.ceil(height / most);
  const bounds = Array.from({ length: count + 1 }, (_, index) => Math.round((index * height) / count));
  return bounds.slice(1).map((end, index) => [bounds[index]!, end - bounds[index]!]);
}

async function startMap(place: Place, levels: number, { tokens, grid }: IndexCodes): Promise<FeatureMap> {
  const scale = 2 ** (levels - 1);
  const map = emptyMap(place.decoding.channels[levels - 1]!, grid.height * scale, grid.width * scale);
  await withPart(place, place.decoding.start(levels), 'map', async (run) => {
    const whole = await run({ indices: intTensor([1, grid.height, grid.width], tokens) });
    putStrip(map, 0, whole);
  });
  return map;
}

async function enlarge(place: Place, map: FeatureMap, level: number): Promise<FeatureMap> {
  const large = emptyMap(map.channels, 2 * map.height, 2 * map.width);
  await withPart(place, place.decoding.enlarging(level), 'result', async (run) => {
    for (const [start, rows] of stripsOf({ ...map, channels: 4 * map.channels }, place))
      putStrip(large, 2 * start, await run({ strip: stripOf(map, start - 1, rows + 2) }));
  });
  return large;
}

/** Runs a part over a map, strip by strip; each result is used before the next is made. */
async function convolve(
  place: Place,
  map: FeatureMap,
  part: NormedConvolution,
  use: (start: number, strip: HostTensor) => void,
  shortcut?: FeatureMap,
): Promise<void> {
  const { groups, epsilon } = place.decoding;
  const parameter = (name: string) => readFloats(place.weights.get(`${part.norm}.${name}`)!);
  const norm = { weight: parameter('weight'), bias: parameter('bias') };
  const { scale, shift } = groupNormOf(map, groups, epsilon, norm);
  const { channels, height } = map;
  await withPart(place, part.graph(), 'result', async (run) => {
    for (const [start, rows] of stripsOf(map, place)) {
      const inside = Float32Array.from({ length: rows + 2 }, (_, row) => {
        const at = start - 1 + row;
        return at >= 0 && at < height ? 1 : 0;
      });
      const strip = await run({
        strip: stripOf(map, start - 1, rows + 2),
        scale: floatTensor([channels], scale),
        shift: floatTensor([channels], shift),
        inside: floatTensor([rows + 2], inside),
        ...(shortcut && { shortcut: stripOf(shortcut, start, rows) }),
      });
      use(start, strip);
    }
  });
}

/** @param between a map for what is between the block's halves, which is written over */
async function residual(
  place: Place,
  map: FeatureMap,
  { first, second }: StripBlock,
  between: FeatureMap,
): Promise<FeatureMap> {
  const { height, width, channels } = map;
  await convolve(place, map, first, (start, strip) => putStrip(between, start, strip));
  // The shortcut's rows are read once, before the result of the same rows, so that it can take their place.
  const result = channels === second.outputs ? map : emptyMap(second.outputs, height, width);
  await convolve(place, between, second, (start, strip) => putStrip(result, start, strip), map);
  return result;
}

/**
 * Decodes a picture whose maps are large: the levels of small maps as a whole, the others strip by strip, with
 * GroupNorm's statistics of the whole map. Nothing is left out, so that it is the same picture up to rounding and has no
 * seams; two maps of the picture's size are held in memory, and what a strip needs.
 * @throws InputError when the weights give no finite numbers.
 */
export async function decodeInStrips(place: Place, image: IndexCodes): Promise<RgbImage> {
  const { decoding } = place;
  const levels = wholeLevels(decoding.channels, image.grid, place.limits);
  let map = await startMap(place, levels, image);
  for (let level = levels; level < decoding.channels.length; level++) {
    map = await enlarge(place, map, level - 1);
    // One for all blocks: what is no longer used stays in memory until it is collected.
    const between = emptyMap(decoding.channels[level]!, map.height, map.width);
    for (const block of decoding.blocks(level)) map = await residual(place, map, block, between);
  }
  const { height, width } = map;
  const data = new Uint8Array(3 * height * width);
  await convolve(place, map, decoding.end(), (start, strip) => {
    requireFinite(strip.data, "the decoded picture's values");
    data.set(signalPixels(strip.data as Float32Array, width, strip.shape[2]!).data, 3 * start * width);
  });
  return { width, height, data };
}
