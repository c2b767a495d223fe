import {
  add,
  affine,
  attention,
  broadcastTo,
  concat,
  type Dim,
  dim,
  embedding,
  exactGelu,
  gather,
  type Graph,
  input,
  layerNormLayer,
  makeGraph,
  matmul,
  multiply,
  multiplyDims,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  scatter,
  scope,
  slice,
  softmax,
  type Tensor,
  transpose,
  xavierUniform,
} from '../src/dsl/index.js';
import type { DiffusionMlpConfig } from './diffusionMlp.js';
import { type Dropout, NO_DROPOUT } from './dropout.js';
import { mergeHeads, splitHeads } from './transformer.js';

/** Sizes of one of the two stacks of layers. */
export interface MarStackConfig {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
}

/** Sizes of MAR (docs/SYSTEMS.md, MAR). */
export interface MarConfig {
  readonly encoder: MarStackConfig;
  readonly decoder: MarStackConfig;
  /** Hidden features of a feed-forward network, as a multiple of its width. */
  readonly mlpRatio: number;
  readonly normEpsilon: number;
  /** The class after the last is the null class. */
  readonly classes: number;
  /** Tokens along a side of the picture, which is square. */
  readonly side: number;
  /** Copies of the class that stand before the tokens. */
  readonly buffer: number;
  /** The network that draws tokens. */
  readonly diffusion: DiffusionMlpConfig;
}

type BlockConfig = Pick<MarStackConfig, 'heads'> & Pick<MarConfig, 'mlpRatio' | 'normEpsilon'>;

/** A linear layer that starts as Glorot and Bengio's. */
function projection(name: string, x: Tensor, outFeatures: number): Tensor {
  return affine(name, x, outFeatures, xavierUniform(Number(x.shape.at(-1)), outFeatures));
}

/** softmax(query·keyᵀ/√headDim)·value; where attention weights are dropped, they are written out. */
function attend(query: Tensor, key: Tensor, value: Tensor, dropout: Dropout): Tensor {
  if (dropout === NO_DROPOUT) return attention(query, key, value);
  const scaled = multiply(query, 1 / Math.sqrt(Number(query.shape[3])));
  return matmul(dropout(softmax(matmul(scaled, key, { transposeRight: true }))), value);
}

/** Attention among all tokens: `[batch, tokens, width]` → the same. */
export function marAttention(x: Tensor, heads: number, dropout: Dropout = NO_DROPOUT): Tensor {
  const width = Number(x.shape[2]);
  const joint = projection('qkv', x, 3 * width);
  const [query, key, value] = [0, 1, 2].map((part) =>
    splitHeads(slice(joint, { axis: 2, start: part * width, length: width }), heads),
  );
  return dropout(projection('proj', mergeHeads(attend(query!, key!, value!, dropout)), width));
}

/** x + attention(norm(x)), then that + feedForward(norm(that)): `[batch, tokens, width]` → the same. */
export function marBlock(
  x: Tensor,
  { heads, mlpRatio, normEpsilon }: BlockConfig,
  dropout: Dropout = NO_DROPOUT,
): Tensor {
  const width = Number(x.shape[2]);
  const normed = layerNormLayer('norm1', x, normEpsilon);
  const attended = add(
    x,
    scope('attn', () => marAttention(normed, heads, dropout)),
  );
  const normedAgain = layerNormLayer('norm2', attended, normEpsilon);
  const hidden = Math.floor(width * mlpRatio);
  return add(
    attended,
    scope('mlp', () =>
      dropout(projection('fc2', dropout(exactGelu(projection('fc1', normedAgain, hidden))), width)),
    ),
  );
}

/** Layers under one scope each, and the norm after them. */
function stack(part: 'encoder' | 'decoder', x: Tensor, config: MarConfig, dropout: Dropout): Tensor {
  const { mlpRatio, normEpsilon } = config;
  const { layers, heads } = config[part];
  let state = x;
  for (let layer = 0; layer < layers; layer++)
    state = scope(`${part}_blocks.${layer}`, () =>
      marBlock(state, { heads, mlpRatio, normEpsilon }, dropout),
    );
  return layerNormLayer(`${part}_norm`, state, normEpsilon);
}

function learned(name: string, shape: readonly number[]): Tensor {
  return parameter(name, shape, NORMAL_INITIALIZER);
}

/** Learned vectors of the buffer's places, `[buffer, width]`, and of the tokens', `[side², width]`. */
function places(
  name: string,
  { buffer, side }: MarConfig,
  width: number,
): { buffer: Tensor; tokens: Tensor } {
  const all = reshape(learned(name, [1, buffer + side ** 2, width]), [buffer + side ** 2, width]);
  return {
    buffer: slice(all, { axis: 0, start: 0, length: buffer }),
    tokens: slice(all, { axis: 0, start: buffer, length: side ** 2 }),
  };
}

/** A vector for each class, the null class last: i32 `[batch]` → `[batch, width]` */
function classVectors(classIds: Tensor, { classes }: MarConfig, width: number): Tensor {
  const table = scope('class_emb', () => learned('weight', [classes, width]));
  return embedding(concat([table, learned('fake_latent', [1, width])], 0), classIds);
}

/** What is known of pictures: tokens `[batch, known, channels]`, and where they are, i32 `[batch, known]`. */
export interface Known {
  readonly tokens: Tensor;
  readonly positions: Tensor;
}

/** The encoder's input: the class in the buffer's places, then the known tokens. `[batch, buffer + known, width]` */
function encoderInput({ tokens, positions }: Known, classIds: Tensor, config: MarConfig): Tensor {
  const { width } = config.encoder;
  const [batch] = classIds.shape as readonly [Dim];
  const place = places('encoder_pos_embed_learned', config, width);
  const classes = reshape(classVectors(classIds, config, width), [batch, 1, width]);
  const seen = add(projection('z_proj', tokens, width), embedding(place.tokens, positions));
  return layerNormLayer('z_proj_ln', concat([add(classes, place.buffer), seen], 1), config.normEpsilon);
}

/** Indices `[batch, count]` for every feature of the rows that they name: `[batch, count, width]` */
export function forEachFeature(indices: Tensor, width: number): Tensor {
  const [batch, count] = indices.shape as readonly [Dim, Dim];
  return broadcastTo(reshape(indices, [batch, count, 1]), [batch, count, width]);
}

/** The decoder's input: what was encoded in its places, mask tokens in all others. `[batch, buffer + side², width]` */
function decoderInput(encoded: Tensor, positions: Tensor, config: MarConfig): Tensor {
  const { width } = config.decoder;
  const [batch, known] = positions.shape as readonly [Dim, Dim];
  const states = projection('decoder_embed', encoded, width);
  const buffer = slice(states, { axis: 1, start: 0, length: config.buffer });
  const seen = slice(states, { axis: 1, start: config.buffer, length: known });
  const masked = broadcastTo(learned('mask_token', [1, 1, width]), [batch, config.side ** 2, width]);
  const tokens = scatter(masked, forEachFeature(positions, width), seen, { axis: 1 });
  const place = places('decoder_pos_embed_learned', config, width);
  return concat([add(buffer, place.buffer), add(tokens, place.tokens)], 1);
}

/** What the encoder and the decoder make of pictures, and what they start from. */
export interface Conditioning {
  readonly encoderInput: Tensor;
  readonly encoderOutput: Tensor;
  readonly decoderInput: Tensor;
  /** What the tokens are drawn from: `[batch, side², decoder width]` */
  readonly z: Tensor;
}

/** What the whole network but the one that draws makes of what is known and of classes, i32 `[batch]`. */
export function marConditioning(
  known: Known,
  classIds: Tensor,
  config: MarConfig,
  dropout: Dropout = NO_DROPOUT,
): Conditioning {
  const positions = config.side ** 2;
  const given = encoderInput(known, classIds, config);
  const encoded = stack('encoder', given, config, dropout);
  const masked = decoderInput(encoded, known.positions, config);
  const decoded = stack('decoder', masked, config, dropout);
  const tokens = slice(decoded, { axis: 1, start: config.buffer, length: positions });
  const place = learned('diffusion_pos_embed_learned', [1, positions, config.decoder.width]);
  return { encoderInput: given, encoderOutput: encoded, decoderInput: masked, z: add(tokens, place) };
}

/**
 * What tokens are to be drawn from, for the places asked for.
 *
 * Inputs: `known` f32 `[batch, known, channels]`, the known tokens; `known_positions` i32 `[batch, known]`, where they are, in
 * raster order; `queries` i32 `[batch, queries]`, the places asked for; `class_ids` i32 `[batch]`, the number of classes
 * standing for none. Output: `z` `[batch·queries, decoder width]`.
 */
export function marEncode(config: MarConfig): Graph {
  const batch = dim('batch');
  const [known, queries] = [dim('known'), dim('queries')];
  const tokens = input('known', 'f32', [batch, known, config.diffusion.channels]);
  const positions = input('known_positions', 'i32', [batch, known]);
  const asked = input('queries', 'i32', [batch, queries]);
  const classIds = input('class_ids', 'i32', [batch]);
  const { width } = config.decoder;
  const { z } = marConditioning({ tokens, positions }, classIds, config);
  const picked = gather(z, forEachFeature(asked, width), 1);
  return makeGraph('mar-encode', [tokens, positions, asked, classIds], {
    z: reshape(picked, [multiplyDims(batch, queries), width]),
  });
}

/**
 * Squares of a latent as tokens: `[batch, channels, height, width]` → `[batch, tokens, channels·patch²]`, in raster order;
 * channel, row and column count in this order.
 */
export function patchify(latent: Tensor, patch: number): Tensor {
  const [batch, channels, height, width] = latent.shape as readonly [Dim, number, number, number];
  const [rows, columns] = [height / patch, width / patch];
  const squares = reshape(latent, [batch, channels, rows, patch, columns, patch]);
  return reshape(transpose(squares, [0, 2, 4, 1, 3, 5]), [batch, rows * columns, channels * patch ** 2]);
}
