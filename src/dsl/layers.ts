import { add, embedding, layerNorm, matmul, rmsNorm } from '../../kernels/index.js';
import type { Initializer, Tensor } from '../graph/node.js';
import { scope } from '../graph/scope.js';
import { parameter } from '../graph/sources.js';

/** The weight initialisation of the published autoregressive generators: normal(0, 0.02). */
export const NORMAL_INITIALIZER: Initializer = { kind: 'normal', standardDeviation: 0.02 };

/** The initialisation of Glorot and Bengio (2010): uniform, and as wide as keeps the variance from layer to layer. */
export function xavierUniform(inFeatures: number, outFeatures: number): Initializer {
  return { kind: 'uniform', bound: Math.sqrt(6 / (inFeatures + outFeatures)) };
}

/** The weight `[outFeatures, inFeatures]` of a linear layer named in the current scope. */
export function linearWeight(
  name: string,
  inFeatures: number,
  outFeatures: number,
  initializer: Initializer = NORMAL_INITIALIZER,
): Tensor {
  return scope(name, () => parameter('weight', [outFeatures, inFeatures], initializer));
}

/** A linear layer without bias: `[…, inFeatures]` → `[…, outFeatures]`. */
export function linear(name: string, x: Tensor, outFeatures: number, initializer?: Initializer): Tensor {
  const weight = linearWeight(name, Number(x.shape.at(-1)), outFeatures, initializer);
  return scope(name, () => matmul(x, weight, { transposeRight: true }));
}

/** A linear layer with a bias that starts at zero: `[…, inFeatures]` → `[…, outFeatures]`. */
export function affine(name: string, x: Tensor, outFeatures: number, initializer?: Initializer): Tensor {
  const product = linear(name, x, outFeatures, initializer);
  return scope(name, () => add(product, parameter('bias', [outFeatures], { kind: 'zeros' })));
}

/** RMSNorm over the last axis with a learned weight that starts at one. */
export function rmsNormLayer(name: string, x: Tensor, epsilon: number): Tensor {
  return scope(name, () =>
    rmsNorm(x, parameter('weight', [Number(x.shape.at(-1))], { kind: 'ones' }), epsilon),
  );
}

/** LayerNorm over the last axis with a learned weight that starts at one and a bias that starts at zero. */
export function layerNormLayer(name: string, x: Tensor, epsilon: number): Tensor {
  const features = Number(x.shape.at(-1));
  return scope(name, () =>
    layerNorm(
      x,
      parameter('weight', [features], { kind: 'ones' }),
      parameter('bias', [features], { kind: 'zeros' }),
      epsilon,
    ),
  );
}

/** A table of learned rows `[rows, width]`, and the rows for some ids. */
export function embeddingTable(name: string, rows: number, width: number): (ids: Tensor) => Tensor {
  const table = scope(name, () => parameter('weight', [rows, width], NORMAL_INITIALIZER));
  return (ids) => scope(name, () => embedding(table, ids));
}
