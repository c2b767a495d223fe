import { floatTensor, type HostTensor } from '../targets/target.js';

/** A network's picture inside: `[channels, height, width]`. */
export interface FeatureMap {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

export function emptyMap(channels: number, height: number, width: number): FeatureMap {
  return { channels, height, width, data: new Float32Array(channels * height * width) };
}

/** Rows of a map as `[1, channels, count, width]`; zeros where they are outside. */
export function stripOf(
  { channels, height, width, data }: FeatureMap,
  start: number,
  count: number,
): HostTensor {
  const values = new Float32Array(channels * count * width);
  const [first, end] = [Math.max(0, start), Math.min(height, start + count)];
  for (let channel = 0; channel < channels; channel++) {
    const rows = data.subarray((channel * height + first) * width, (channel * height + end) * width);
    values.set(rows, (channel * count + first - start) * width);
  }
  return floatTensor([1, channels, count, width], values);
}

/** Puts `[1, channels, rows, width]` into a map. */
export function putStrip(
  { channels, height, width, data }: FeatureMap,
  start: number,
  strip: HostTensor,
): void {
  const rows = strip.shape[2]!;
  const values = strip.data as Float32Array;
  for (let channel = 0; channel < channels; channel++)
    data.set(
      values.subarray(channel * rows * width, (channel + 1) * rows * width),
      (channel * height + start) * width,
    );
}

/** What GroupNorm multiplies each channel with, and adds to it. */
export interface ChannelNorm {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/**
 * GroupNorm of a whole map as a scale and a shift of each channel.
 * @param weight `[channels]`, as is the bias
 */
export function groupNormOf(
  { channels, height, width, data }: FeatureMap,
  groups: number,
  epsilon: number,
  { weight, bias }: { readonly weight: Float32Array; readonly bias: Float32Array },
): ChannelNorm {
  const size = (channels / groups) * height * width;
  const scale = new Float32Array(channels);
  const shift = new Float32Array(channels);
  for (let group = 0; group < groups; group++) {
    let [sum, squares] = [0, 0];
    for (let at = group * size; at < (group + 1) * size; at++) sum += data[at]!;
    const mean = sum / size;
    for (let at = group * size; at < (group + 1) * size; at++) squares += (data[at]! - mean) ** 2;
    const factor = 1 / Math.sqrt(squares / size + epsilon);
    for (let channel = (group * channels) / groups; channel < ((group + 1) * channels) / groups; channel++) {
      scale[channel] = factor * weight[channel]!;
      shift[channel] = bias[channel]! - mean * factor * weight[channel]!;
    }
  }
  return { scale, shift };
}
