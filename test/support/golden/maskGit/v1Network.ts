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
  type Graph,
  input,
  layerNormLayer,
  makeGraph,
  matmul,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  scope,
  slice,
  type Tensor,
} from '../../../../src/dsl/index.js';
import { mergeHeads, splitHeads } from '../../../../graphs/transformer.js';

/** Fields of the older MaskGIT-pytorch network, named as there. */
export interface V1Fields {
  readonly hidden_dim: number;
  readonly codebook_size: number;
  /** The grid's side. */
  readonly f_factor: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlp_dim: number;
  readonly nclass: number;
}

const OUTER_EPSILON = 1e-12;
const LAYER_EPSILON = 1e-5;

/** Attention of torch's MultiheadAttention: queries, keys and values stacked in one matrix. */
function multiheadAttention(x: Tensor, heads: number): Tensor {
  const features = Number(x.shape.at(-1));
  const weight = parameter('in_proj_weight', [3 * features, features], NORMAL_INITIALIZER);
  const bias = parameter('in_proj_bias', [3 * features], { kind: 'zeros' });
  const stacked = add(matmul(x, weight, { transposeRight: true }), bias);
  const [query, key, value] = [0, 1, 2].map((part) =>
    splitHeads(slice(stacked, { axis: 2, start: part * features, length: features }), heads),
  ) as [Tensor, Tensor, Tensor];
  return affine('out_proj', mergeHeads(attention(query, key, value)), features);
}

/** What is added to x: a layer's part, which sees x normed. */
function preNorm(x: Tensor, build: (normed: Tensor) => Tensor): Tensor {
  const normed = layerNormLayer('norm', x, LAYER_EPSILON);
  return add(
    x,
    scope('fn', () => build(normed)),
  );
}

function transformerLayer(x: Tensor, { heads, mlp_dim }: V1Fields): Tensor {
  const features = Number(x.shape.at(-1));
  const attended = scope('0', () =>
    preNorm(x, (normed) => scope('mha', () => multiheadAttention(normed, heads))),
  );
  return scope('1', () =>
    preNorm(attended, (normed) => affine('net.3', exactGelu(affine('net.0', normed, mlp_dim)), features)),
  );
}

/**
 * The step of the older MaskGIT-pytorch (arXiv 2310.14400): the class is the last token of the sequence, and the output
 * bias depends on the position.
 *
 * Inputs: `codes` i32 `[batch, f_factor²]`, the codebook size standing for a masked one; `class_ids` i32 `[batch]`, the
 * number of classes standing for none. Output: `logits` `[batch, f_factor², codebook_size + 1]`.
 */
export function v1Step(fields: V1Fields): Graph {
  const { hidden_dim, codebook_size, nclass, depth, f_factor } = fields;
  const batch: Dim = dim('batch');
  const positions = f_factor ** 2;
  const entries = codebook_size + 1;
  const codes = input('codes', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const table = scope('tok_emb', () =>
    parameter('weight', [entries + nclass + 1, hidden_dim], NORMAL_INITIALIZER),
  );
  const places = parameter('pos_emb', [1, positions + 1, hidden_dim], NORMAL_INITIALIZER);
  const bias = parameter('bias', [positions + 1, entries + nclass + 1], { kind: 'zeros' });
  const ids = concat([codes, reshape(add(classIds, entries), [batch, 1])], 1);
  const embedded = add(embedding(table, ids), broadcastTo(places, [batch, positions + 1, hidden_dim]));
  let x = scope('first_layer', () => {
    const widened = exactGelu(affine('2', layerNormLayer('0', embedded, OUTER_EPSILON), hidden_dim));
    return affine('6', layerNormLayer('4', widened, OUTER_EPSILON), hidden_dim);
  });
  for (let layer = 0; layer < depth; layer++)
    x = scope(`transformer.layers.${layer}`, () => transformerLayer(x, fields));
  const states = scope('last_layer', () => {
    const mixed = exactGelu(affine('2', layerNormLayer('0', x, OUTER_EPSILON), hidden_dim));
    return layerNormLayer('4', mixed, OUTER_EPSILON);
  });
  const all = add(matmul(states, table, { transposeRight: true }), bias);
  const ofTokens = slice(all, { axis: 1, start: 0, length: positions });
  return makeGraph('maskgit-v1-step', [codes, classIds], {
    logits: slice(ofTokens, { axis: 2, start: 0, length: entries }),
  });
}
