import {
  add,
  attention,
  concat,
  crossEntropy,
  type Dim,
  dim,
  divide,
  embedding,
  equal,
  gelu,
  type Graph,
  input,
  layerNorm,
  less,
  logSoftmax,
  makeGraph,
  matmul,
  mean,
  multiply,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  scope,
  select,
  slice,
  subtract,
  sum,
  type Tensor,
} from '../../../../src/dsl/index.js';
import { mergeHeads, splitHeads } from '../../../../graphs/transformer.js';

/** Fields of the original MaskGIT (JAX), named as there. */
export interface OriginalFields {
  readonly codebook_size: number;
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
}

const NORM_EPSILON = 1e-12;

/** Dense layer with a kernel `[in, out]`, whose stored shape may split either. */
function dense(
  name: string,
  x: Tensor,
  outFeatures: number,
  { kernel, bias }: { readonly kernel?: readonly number[]; readonly bias?: readonly number[] } = {},
): Tensor {
  const inFeatures = Number(x.shape.at(-1));
  return scope(name, () => {
    const weight = parameter('kernel', kernel ?? [inFeatures, outFeatures], NORMAL_INITIALIZER);
    const shift = parameter('bias', bias ?? [outFeatures], { kind: 'zeros' });
    return add(matmul(x, reshape(weight, [inFeatures, outFeatures])), reshape(shift, [outFeatures]));
  });
}

function norm(name: string, x: Tensor): Tensor {
  const features = Number(x.shape.at(-1));
  return scope(name, () =>
    layerNorm(
      x,
      parameter('scale', [features], { kind: 'ones' }),
      parameter('bias', [features], { kind: 'zeros' }),
      NORM_EPSILON,
    ),
  );
}

function selfAttention(x: Tensor, heads: number): Tensor {
  const features = Number(x.shape.at(-1));
  const width = features / heads;
  const split = { kernel: [features, heads, width], bias: [heads, width] };
  const [query, key, value] = ['query', 'key', 'value'].map((name) =>
    splitHeads(dense(name, x, features, split), heads),
  ) as [Tensor, Tensor, Tensor];
  return dense('out', mergeHeads(attention(query, key, value)), features, {
    kernel: [heads, width, features],
  });
}

/** A layer of BERT: each part is added to what it saw, and the sum is normed. */
function transformerLayer(x: Tensor, { num_attention_heads, intermediate_size }: OriginalFields): Tensor {
  const attended = scope('Attention_0', () =>
    norm(
      'attention_output_ln',
      add(
        x,
        scope('self_attention', () => selfAttention(x, num_attention_heads)),
      ),
    ),
  );
  return scope('Mlp_0', () => {
    const wide = gelu(dense('intermediate_output', attended, intermediate_size));
    return norm('layer_output_ln', add(attended, dense('layer_output', wide, Number(x.shape.at(-1)))));
  });
}

/** What the network gives on the way: `[batch, positions, …]` each. */
interface Forward {
  readonly embed: Tensor;
  readonly layers: readonly Tensor[];
  /** `[batch, positions, vocab_size]` */
  readonly logits: Tensor;
}

/** @param ids i32 `[batch, positions]`, from 0 to below `vocab_size` */
function forward(ids: Tensor, fields: OriginalFields): Forward {
  const { vocab_size, hidden_size, max_position_embeddings, num_hidden_layers } = fields;
  const table = (name: string, rows: number) =>
    scope(name, () => parameter('embedding', [rows, hidden_size], NORMAL_INITIALIZER));
  const { words, embed } = scope('Embed_0', () => {
    const words = table('word_embeddings', vocab_size);
    const places = table('position_embeddings', max_position_embeddings);
    const used = slice(places, { axis: 0, start: 0, length: ids.shape[1]! });
    return { words, embed: norm('embeddings_ln', add(embedding(words, ids), used)) };
  });
  const layers: Tensor[] = [];
  let x = embed;
  for (let layer = 0; layer < num_hidden_layers; layer++) {
    x = scope(`TransformerLayer_${layer}`, () => transformerLayer(x, fields));
    layers.push(x);
  }
  const logits = scope('MlmLayer_0', () => {
    const states = norm('mlm_ln', gelu(dense('mlm_dense', x, hidden_size)));
    const bias = scope('mlm_bias', () => parameter('bias', [vocab_size], { kind: 'zeros' }));
    return add(matmul(states, words, { transposeRight: true }), bias);
  });
  return { embed, layers, logits };
}

/**
 * The original network on ids as its code has them: −1 stands for a masked token, and takes the table's last row.
 *
 * Input: `input_ids` i32 `[batch, positions]`. Outputs: `embed`, `layer0`, … `[batch, positions, hidden_size]`; `logits`
 * `[batch, positions, vocab_size]`.
 */
export function originalTransformer(fields: OriginalFields): Graph {
  const ids = input('input_ids', 'i32', [dim('batch'), fields.max_position_embeddings]);
  const rows = select(less(ids, 0), add(ids, fields.vocab_size), ids);
  const { embed, layers, logits } = forward(rows, fields);
  const named = layers.map((layer, index) => [`layer${index}`, layer] as const);
  return makeGraph('maskgit-original', [ids], { embed, ...Object.fromEntries(named), logits });
}

/**
 * The step of the original MaskGIT (arXiv 2202.04200): the class is the first token of the sequence; it cannot be left out.
 *
 * Inputs: `codes` i32 `[batch, positions]`, the codebook size standing for a masked one; `class_ids` i32 `[batch]`. Outputs,
 * cut to the codes: `logits` `[batch, positions, codebook_size]`; `all_logits`, with those of the class before them.
 */
export function originalStep(fields: OriginalFields): Graph {
  const { codebook_size, vocab_size, max_position_embeddings } = fields;
  const batch: Dim = dim('batch');
  const positions = max_position_embeddings - 1;
  const codes = input('codes', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const rows = select(equal(codes, codebook_size), vocab_size - 1, codes);
  const ids = concat([reshape(add(classIds, codebook_size), [batch, 1]), rows], 1);
  const all = slice(forward(ids, fields).logits, { axis: 2, start: 0, length: codebook_size });
  return makeGraph('maskgit-original-step', [codes, classIds], {
    logits: slice(all, { axis: 1, start: 1, length: positions }),
    all_logits: all,
  });
}

/**
 * The original loss on weighted tokens: `logits` `[batch, positions, vocabulary]`, `labels` i32 and `weights` f32 `[batch,
 * positions]` → `loss`, the mean over images of their weighted means, in nats.
 * @param smoothing share of the target that is spread evenly over the vocabulary
 */
export function originalLoss(positions: number, vocabulary: number, smoothing: number): Graph {
  const batch = dim('batch');
  const logits = input('logits', 'f32', [batch, positions, vocabulary]);
  const labels = input('labels', 'i32', [batch, positions]);
  const weights = input('weights', 'f32', [batch, positions]);
  const spread = mean(logSoftmax(logits), { axes: [2] });
  const losses = subtract(multiply(crossEntropy(logits, labels), 1 - smoothing), multiply(spread, smoothing));
  const ofImages = divide(sum(multiply(losses, weights), { axes: [1] }), sum(weights, { axes: [1] }));
  return makeGraph('maskgit-original-loss', [logits, labels, weights], { loss: mean(ofImages) });
}
