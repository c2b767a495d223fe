import {
  add,
  attention,
  conv2d,
  type Dim,
  groupNorm,
  type Initializer,
  multiplyDims,
  parameter,
  reshape,
  scope,
  silu,
  slice,
  type Tensor,
  transpose,
} from '../src/dsl/index.js';

/** Layers of the convolutional encoders and decoders of pictures (docs/SYSTEMS.md, VQ-16). */

/** Of GroupNorm. */
export const GROUPS = 32;
export const NORM_EPSILON = 1e-6;

function convInitializer(inputs: number, kernel: number): Initializer {
  return { kind: 'uniform', bound: 1 / Math.sqrt(inputs * kernel * kernel) };
}

/** How a convolution treats the borders: `rowless` takes a strip that brings the rows above and below it along. */
interface ConvOptions {
  readonly kernel: 1 | 3;
  readonly downsample?: boolean;
  readonly rowless?: boolean;
}

/** A convolution layer with bias; 3×3 ones keep the image's size unless the options say otherwise. */
export function conv(name: string, x: Tensor, outputs: number, options: ConvOptions): Tensor {
  const { kernel, downsample = false, rowless = false } = options;
  const channels = Number(x.shape[1]);
  return scope(name, () => {
    const weight = parameter(
      'weight',
      [outputs, channels, kernel, kernel],
      convInitializer(channels, kernel),
    );
    const bias = parameter('bias', [outputs], convInitializer(channels, kernel));
    if (downsample)
      return conv2d(x, weight, { bias, stride: 2, padding: { top: 0, left: 0, bottom: 1, right: 1 } });
    const around = (kernel - 1) / 2;
    const rows = rowless ? 0 : around;
    return conv2d(x, weight, { bias, padding: { top: rows, left: around, bottom: rows, right: around } });
  });
}

/** GroupNorm with a learned weight and bias. */
export function norm(name: string, x: Tensor): Tensor {
  const channels = Number(x.shape[1]);
  return scope(name, () => {
    const weight = parameter('weight', [channels], { kind: 'ones' });
    const bias = parameter('bias', [channels], { kind: 'zeros' });
    return groupNorm(x, weight, bias, { groups: GROUPS, epsilon: NORM_EPSILON });
  });
}

/** GroupNorm → swish → 3×3 convolution, twice, beside a shortcut. */
export function residualBlock(x: Tensor, outputs: number): Tensor {
  const first = conv('conv1', silu(norm('norm1', x)), outputs, { kernel: 3 });
  const second = conv('conv2', silu(norm('norm2', first)), outputs, { kernel: 3 });
  return add(x.shape[1] === outputs ? x : conv('nin_shortcut', x, outputs, { kernel: 1 }), second);
}

/** Query, key and value `[batch, channels, height, width]` of a normed map. */
type Projection = (normed: Tensor, channels: number) => readonly [Tensor, Tensor, Tensor];

/** Each by a convolution of its own. */
export const SEPARATE: Projection = (normed, channels) => {
  const own = (name: string) => conv(name, normed, channels, { kernel: 1 });
  return [own('q'), own('k'), own('v')];
};

/** All by one convolution, one after the other. */
export const PACKED: Projection = (normed, channels) => {
  const all = conv('qkv', normed, 3 * channels, { kernel: 1 });
  const part = (index: number) => slice(all, { axis: 1, start: index * channels, length: channels });
  return [part(0), part(1), part(2)];
};

/** Self-attention of one head over all pixels, beside a shortcut. */
export function attentionBlock(x: Tensor, project: Projection = SEPARATE): Tensor {
  const [batch, channels, height, width] = x.shape as [Dim, number, Dim, Dim];
  const pixels = multiplyDims(height, width);
  const rows = (map: Tensor) => transpose(reshape(map, [batch, 1, channels, pixels]), [0, 1, 3, 2]);
  const [query, key, value] = project(norm('norm', x), channels);
  const attended = transpose(attention(rows(query), rows(key), rows(value)), [0, 1, 3, 2]);
  return add(x, conv('proj_out', reshape(attended, x.shape), channels, { kernel: 1 }));
}
