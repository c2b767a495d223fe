import { scope, silu, type Tensor, upsampleNearest } from '../src/dsl/index.js';
import { conv, norm, residualBlock } from './convolutionLayers.js';

/** Sizes of an encoder and decoder with the parameter names of latent diffusion (Rombach et al., 2022). */
export interface LatentNetworkConfig {
  /** Channels of the first level. */
  readonly channels: number;
  /** Each level's channels as a multiple of the first; every level but the last halves the image. */
  readonly channelMultipliers: readonly number[];
  readonly residualBlocks: number;
}

/** What of the networks differs between tokenizers. */
export interface LatentNetworkParts {
  /** Self-attention of a map, beside a shortcut. */
  readonly attend: (x: Tensor) => Tensor;
  /** Whether the blocks of a level are followed by attention; 0 is the level of the image's own size. */
  readonly attends: (level: number) => boolean;
}

/** How many pixels one place of the latent covers along each axis. */
export function latentFactor({
  channelMultipliers,
}: Pick<LatentNetworkConfig, 'channelMultipliers'>): number {
  return 2 ** (channelMultipliers.length - 1);
}

/** ResNet block, attention, ResNet block. */
function middle(x: Tensor, { attend }: LatentNetworkParts): Tensor {
  const channels = Number(x.shape[1]);
  return scope('mid', () => {
    const first = scope('block_1', () => residualBlock(x, channels));
    const attended = scope('attn_1', () => attend(first));
    return scope('block_2', () => residualBlock(attended, channels));
  });
}

/** ResNet blocks of one level, each followed by attention where the level has it. */
function levelBlocks(
  x: Tensor,
  channels: number,
  blocks: number,
  attend: ((x: Tensor) => Tensor) | undefined,
): Tensor {
  let state = x;
  for (let index = 0; index < blocks; index++) {
    state = scope(`block.${index}`, () => residualBlock(state, channels));
    if (attend) state = scope(`attn.${index}`, () => attend(state));
  }
  return state;
}

/** Image `[batch, 3, f·height, f·width]` in [−1, 1] → `[batch, outputs, height, width]` */
export function latentEncoder(
  image: Tensor,
  config: LatentNetworkConfig,
  outputs: number,
  parts: LatentNetworkParts,
): Tensor {
  const last = config.channelMultipliers.length - 1;
  let x = conv('conv_in', image, config.channels, { kernel: 3 });
  for (const [level, multiplier] of config.channelMultipliers.entries()) {
    const channels = config.channels * multiplier;
    x = scope(`down.${level}`, () => {
      const attend = parts.attends(level) ? parts.attend : undefined;
      const state = levelBlocks(x, channels, config.residualBlocks, attend);
      return level === last
        ? state
        : scope('downsample', () => conv('conv', state, channels, { kernel: 3, downsample: true }));
    });
  }
  return conv('conv_out', silu(norm('norm_out', middle(x, parts))), outputs, { kernel: 3 });
}

/** `[batch, channels, height, width]` → image `[batch, 3, f·height, f·width]`, about [−1, 1] */
export function latentDecoder(
  latent: Tensor,
  config: LatentNetworkConfig,
  parts: LatentNetworkParts,
): Tensor {
  const levels = config.channelMultipliers.map((multiplier, level) => ({
    level,
    channels: config.channels * multiplier,
  }));
  let x = middle(conv('conv_in', latent, levels.at(-1)!.channels, { kernel: 3 }), parts);
  for (const { level, channels } of levels.toReversed()) {
    x = scope(`up.${level}`, () => {
      const attend = parts.attends(level) ? parts.attend : undefined;
      const state = levelBlocks(x, channels, config.residualBlocks + 1, attend);
      return level === 0
        ? state
        : scope('upsample', () => conv('conv', upsampleNearest(state, 2), channels, { kernel: 3 }));
    });
  }
  return conv('conv_out', silu(norm('norm_out', x)), 3, { kernel: 3 });
}
