import { scope, silu, type Tensor, upsampleNearest } from '../src/dsl/index.js';
import { conv, norm, residualBlock } from './convolutionLayers.js';

/** Sizes of the convolutional encoder and decoder of latent diffusion models, by the names of their checkpoints. */
export interface LatentCoderConfig {
  /** Channels of the first level. */
  readonly channels: number;
  /** Each level's channels as a multiple of the first; every level but the last halves the image. */
  readonly channelMultipliers: readonly number[];
  /** Of each level of the encoder; the decoder's have one more. */
  readonly residualBlocks: number;
  /** Attends among all pixels, beside a shortcut; named in the current scope. */
  readonly attention: (x: Tensor) => Tensor;
}

/** The middle of both: what the smallest map goes through. */
function middle(x: Tensor, attention: LatentCoderConfig['attention']): Tensor {
  const channels = Number(x.shape[1]);
  const first = scope('mid.block_1', () => residualBlock(x, channels));
  const attended = scope('mid.attn_1', () => attention(first));
  return scope('mid.block_2', () => residualBlock(attended, channels));
}

/** Residual blocks of one level, each followed by attention where the level has it. */
function levelBlocks(
  x: Tensor,
  channels: number,
  blocks: number,
  attention: LatentCoderConfig['attention'] | undefined,
): Tensor {
  let state = x;
  for (let index = 0; index < blocks; index++) {
    state = scope(`block.${index}`, () => residualBlock(state, channels));
    if (attention) state = scope(`attn.${index}`, () => attention(state));
  }
  return state;
}

/** What a level is called among the multipliers: 0 has the picture's own size, each later one half that of the one before. */
type HasAttention = (level: number) => boolean;

/**
 * Image `[batch, 3, f·height, f·width]` → `[batch, outputs, height, width]`, f being 2 for each level but the last.
 * @param attends levels with attention after each block, beside the middle
 */
export function latentEncoder(
  image: Tensor,
  outputs: number,
  config: LatentCoderConfig,
  attends: HasAttention,
): Tensor {
  const { channels, channelMultipliers, residualBlocks, attention } = config;
  let x = conv('conv_in', image, channels, { kernel: 3 });
  for (const [level, multiplier] of channelMultipliers.entries()) {
    const width = channels * multiplier;
    x = scope(`down.${level}`, () => {
      const state = levelBlocks(x, width, residualBlocks, attends(level) ? attention : undefined);
      return level === channelMultipliers.length - 1
        ? state
        : scope('downsample', () => conv('conv', state, width, { kernel: 3, downsample: true }));
    });
  }
  return conv('conv_out', silu(norm('norm_out', middle(x, attention))), outputs, { kernel: 3 });
}

/**
 * `[batch, …, height, width]` → image `[batch, 3, f·height, f·width]`. Levels are counted as in the encoder, and run from
 * the last to the first.
 */
export function latentDecoder(latent: Tensor, config: LatentCoderConfig, attends: HasAttention): Tensor {
  const { channels, channelMultipliers, residualBlocks, attention } = config;
  const widths = channelMultipliers.map((multiplier) => channels * multiplier);
  let x = middle(conv('conv_in', latent, widths.at(-1)!, { kernel: 3 }), attention);
  for (const [level, width] of [...widths.entries()].toReversed())
    x = scope(`up.${level}`, () => {
      const state = levelBlocks(x, width, residualBlocks + 1, attends(level) ? attention : undefined);
      return level === 0
        ? state
        : scope('upsample', () => conv('conv', upsampleNearest(state, 2), width, { kernel: 3 }));
    });
  return conv('conv_out', silu(norm('norm_out', x)), 3, { kernel: 3 });
}
