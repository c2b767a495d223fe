/**
 * What a network is written with: sources (inputs, parameters, constants), scopes, symbolic dims, and every
 * operation of `kernels/`.
 */
export * from '../../kernels/index.js';
export { mergeHeads, splitHeads } from '../../kernels/families/heads.js';
export {
  addDims,
  type Dim,
  dim,
  floorDivideDim,
  multiplyDims,
  type Shape,
  type SymbolicDim,
  subtractDims,
} from '../graph/dimension.js';
export { type Graph, makeGraph } from '../graph/graph.js';
export type { Initializer, Tensor } from '../graph/node.js';
export { wordHalves } from '../random/philox.js';
export { scope } from '../graph/scope.js';
export { constant, input, parameter, scalar } from '../graph/sources.js';
export {
  affine,
  embeddingTable,
  layerNormLayer,
  linear,
  linearWeight,
  NORMAL_INITIALIZER,
  rmsNormLayer,
  xavierUniform,
} from './layers.js';
