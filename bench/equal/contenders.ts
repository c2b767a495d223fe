/** Which tokenizer a network's codes are of: the shared one of indices, or one that is trained for it. */
export type TokenizerName = 'vq' | 'multi-scale' | 'kl';

/** A network that is trained as all others are. */
export interface Contender {
  /** Of its run folder and its rows. */
  readonly name: string;
  readonly title: string;
  readonly system: string;
  readonly tokenizer: TokenizerName;
  /** Tokens of a picture. */
  readonly tokens: number;
  /** Its configuration, without the fields that the data decides. */
  readonly config: object;
  /** Whether the passes of a picture can be chosen. */
  readonly choosesSteps: boolean;
  /** Whether it is drawn under the causal mask of its training, too. */
  readonly hasStepMask: boolean;
}

/** Passes of those that can choose; the last is one token a pass. */
export const STEPS: readonly number[] = [2, 4, 8, 16];

/** What the parameters of all are about. */
export const PARAMETERS = 1_080_000;
/** By how much of it they may differ. */
export const TOLERANCE = 0.05;

const decoder = { dim: 128, n_layer: 5, n_head: 4, multiple_of: 32 };
/** Its layers are even in number, and half of them have no keys and values of their own. */
const arpg = { dim: 120, n_layer: 6, n_head: 6, multiple_of: 32 };
const own = { choosesSteps: false, hasStepMask: false };

/** All of about `PARAMETERS` parameters, the tokenizers' not counted. */
export const CONTENDERS: readonly Contender[] = [
  {
    ...{ name: 'arpg', title: 'ARPG', system: 'arpg', tokenizer: 'vq', tokens: 16 },
    ...{ config: arpg, choosesSteps: true, hasStepMask: true },
  },
  {
    ...{
      name: 'arpg-positions',
      title: 'ARPG, absolute positions',
      system: 'arpg',
      tokenizer: 'vq',
      tokens: 16,
    },
    ...{ config: { ...arpg, absolute_positions: true }, choosesSteps: true, hasStepMask: true },
  },
  {
    ...{ name: 'llamagen', title: 'LlamaGen', system: 'llamagen', tokenizer: 'vq', tokens: 16 },
    ...{ config: decoder, ...own },
  },
  {
    ...{ name: 'randar', title: 'RandAR', system: 'randar', tokenizer: 'vq', tokens: 16 },
    ...{ config: decoder, choosesSteps: true, hasStepMask: false },
  },
  {
    ...{ name: 'par', title: 'PAR', system: 'par', tokenizer: 'vq', tokens: 16 },
    ...{ config: decoder, ...own },
  },
  {
    ...{ name: 'nar', title: 'NAR', system: 'nar', tokenizer: 'vq', tokens: 16 },
    ...{ config: { ...decoder, n_layer: 4, medusa_attention_num: 1 }, ...own },
  },
  {
    ...{ name: 'maskgit', title: 'MaskGIT', system: 'maskgit', tokenizer: 'vq', tokens: 16 },
    ...{
      config: { hidden_dim: 128, depth: 4, heads: 4, mlp_dim: 384 },
      choosesSteps: true,
      hasStepMask: false,
    },
  },
  {
    ...{ name: 'var', title: 'VAR', system: 'var', tokenizer: 'multi-scale', tokens: 30 },
    ...{ config: { depth: 4, embed_dim: 120, num_heads: 4 }, ...own },
  },
  {
    ...{ name: 'mar', title: 'MAR', system: 'mar', tokenizer: 'kl', tokens: 16 },
    ...{
      config: {
        ...{ encoder_embed_dim: 128, encoder_depth: 2, encoder_num_heads: 4 },
        ...{ decoder_embed_dim: 128, decoder_depth: 2, decoder_num_heads: 4 },
        ...{ buffer_size: 4, diffloss_d: 2, diffloss_w: 128 },
      },
      choosesSteps: true,
      hasStepMask: false,
    },
  },
];

/** Pixels along a side that all tokenizers see. */
export const IMAGE_SIDE = 32;

/** Tokenizers of 8×8 pixels a token, as the shared one has. */
export const TOKENIZERS = {
  'multi-scale': {
    vocab_size: 256,
    z_channels: 8,
    ch: 32,
    ch_mult: [1, 1, 2, 2],
    num_res_blocks: 1,
    v_patch_nums: [1, 2, 3, 4],
  },
  kl: {
    embed_dim: 8,
    ch: 32,
    ch_mult: [1, 1, 2, 2],
    num_res_blocks: 1,
    resolution: IMAGE_SIDE,
    encoder_attn_resolutions: [4],
    decoder_attn_resolutions: [],
    scale_factor: 1,
  },
} as const satisfies Readonly<Record<Exclude<TokenizerName, 'vq'>, object>>;
