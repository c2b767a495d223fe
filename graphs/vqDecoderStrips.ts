import {
  add,
  dim,
  type Graph,
  input,
  makeGraph,
  multiply,
  reshape,
  scope,
  silu,
  slice,
  subtractDims,
  multiplyDims,
  type Tensor,
  upsampleNearest,
} from '../src/dsl/index.js';
import { conv } from './convolutionLayers.js';
import { decoderChannels, type VqTokenizerConfig } from './vqTokenizer.js';

/** GroupNorm, swish and a 3×3 convolution of a strip, whose norm's statistics are known. */
export interface NormedConvolution {
  /**
   * `strip` `[1, channels, rows + 2, width]`, the last rows of it and the first being its neighbours'; `scale` and
   * `shift` `[channels]` that norm it; `inside` `[rows + 2]`, 0 where there is no picture; `shortcut`
   * `[1, inputs, rows, width]` where there is one → `result` `[1, outputs, rows, width]`.
   */
  readonly graph: () => Graph;
  /** The checkpoint's name of the norm, which has a weight and a bias. */
  readonly norm: string;
  readonly outputs: number;
}

/** A ResNet block; the second part takes the block's input as its shortcut. */
export interface StripBlock {
  readonly first: NormedConvolution;
  readonly second: NormedConvolution;
}

interface Layer {
  /** From the checkpoint's top to where the layers are. */
  readonly scopes: readonly string[];
  readonly norm: string;
  readonly conv: string;
  readonly inputs: number;
  readonly outputs: number;
}

function within<T>(scopes: readonly string[], build: () => T): T {
  const [first, ...rest] = scopes;
  return first === undefined ? build() : scope(first, () => within(rest, build));
}

function stripInput(channels: number): Tensor {
  return input('strip', 'f32', [1, channels, dim('rows'), dim('width')]);
}

/** @param shortcut channels of the shortcut */
function normedConvolution(layer: Layer, shortcut?: number): NormedConvolution {
  const { inputs, outputs, scopes, norm } = layer;
  const graph = () => {
    const strip = stripInput(inputs);
    const [, , rows, width] = strip.shape;
    const perChannel = (name: string) => input(name, 'f32', [inputs]);
    const [scale, shift] = [perChannel('scale'), perChannel('shift')];
    const inside = input('inside', 'f32', [rows!]);
    const column = (values: Tensor) => reshape(values, [1, inputs, 1, 1]);
    const normed = silu(add(multiply(strip, column(scale)), column(shift)));
    const shown = multiply(normed, reshape(inside, [1, 1, rows!, 1]));
    const around =
      shortcut === undefined
        ? undefined
        : input('shortcut', 'f32', [1, shortcut, subtractDims(rows!, 2), width!]);
    const result = within(scopes, () => {
      const convolved = conv(layer.conv, shown, outputs, { kernel: 3, rowless: true });
      if (!around) return convolved;
      return add(
        shortcut === outputs ? around : conv('nin_shortcut', around, outputs, { kernel: 1 }),
        convolved,
      );
    });
    return makeGraph('vq-decoder-convolution', [strip, scale, shift, inside, ...(around ? [around] : [])], {
      result,
    });
  };
  return { graph, norm: [...scopes, norm].join('.'), outputs };
}

/** The ResNet blocks of a level of the decoder that has no attention, which all but the first are. */
export function vqStripBlocks(config: VqTokenizerConfig, level: number): readonly StripBlock[] {
  const channels = decoderChannels(config);
  const outputs = channels[level]!;
  return Array.from({ length: config.residualBlocks + 1 }, (_, index) => {
    const inputs = index === 0 ? channels[level - 1]! : outputs;
    const scopes = ['decoder', `conv_blocks.${level}`, `res.${index}`];
    return {
      first: normedConvolution({ scopes, norm: 'norm1', conv: 'conv1', inputs, outputs }),
      second: normedConvolution({ scopes, norm: 'norm2', conv: 'conv2', inputs: outputs, outputs }, inputs),
    };
  });
}

/** The decoder's last layers, whose result is the picture. */
export function vqStripEnd(config: VqTokenizerConfig): NormedConvolution {
  const inputs = decoderChannels(config).at(-1)!;
  return normedConvolution({ scopes: ['decoder'], norm: 'norm_out', conv: 'conv_out', inputs, outputs: 3 });
}

/**
 * What enlarges a level's result twofold: `strip` `[1, channels, rows + 2, width]`, with its neighbours' rows and
 * zeros where there is no picture → `result` `[1, channels, 2·rows, 2·width]`.
 */
export function vqStripEnlarging(config: VqTokenizerConfig, level: number): Graph {
  const channels = decoderChannels(config)[level]!;
  const strip = stripInput(channels);
  const enlarged = within(['decoder', `conv_blocks.${level}`, 'upsample'], () =>
    conv('conv', upsampleNearest(strip, 2), channels, { kernel: 3 }),
  );
  const rows = multiplyDims(2, subtractDims(strip.shape[2]!, 2));
  return makeGraph('vq-decoder-enlarging', [strip], {
    result: slice(enlarged, { axis: 2, start: 2, length: rows }),
  });
}
