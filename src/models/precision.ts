import { isQuantizedPrecision, quantizeWeights } from '../compiler/quantizeWeights.js';
import { UsageError } from '../errors.js';
import type { StoredTensor, Weights } from '../graph/weights.js';
import type { GeneratorModel } from './modelFolder.js';

export { isQuantizedPrecision };

/** In what a model computes: single precision, or linear layers with weights in 8 or 4 bits. */
export const RUN_PRECISIONS = ['fp32', 'int8', 'int4'] as const;
export type RunPrecision = (typeof RUN_PRECISIONS)[number];

/** The precision that weights are stored for. */
export function precisionOf(weights: Weights): RunPrecision {
  const bits = new Set([...weights.values()].map(({ quantized }) => quantized?.bits));
  return bits.has(4) ? 'int4' : bits.has(8) ? 'int8' : 'fp32';
}

/** Weights as floats, also those that were whole numbers. */
export function withoutWholeNumbers(weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, { quantized: _, ...tensor }]): [string, StoredTensor] => [name, tensor]),
  );
}

/**
 * A generator that computes in a precision; nothing is converted before it is used.
 * @param precision as it is stored, when left out
 * @param folder for messages
 * @throws UsageError where the weights are stored in fewer bits, or others, than asked for in 8 or 4.
 */
export function inRunPrecision(
  model: GeneratorModel,
  precision: RunPrecision | undefined,
  folder: string,
): GeneratorModel {
  const stored = precisionOf(model.weights);
  if (precision === undefined || precision === stored) return model;
  if (precision === 'fp32') return { ...model, weights: withoutWholeNumbers(model.weights) };
  if (stored !== 'fp32')
    throw new UsageError(
      `${folder} is stored in ${stored}: for ${precision}, start from the model that it was made from`,
    );
  const graphs = Object.values(model.system.graphs(model.config)).map((graph) => graph());
  return { ...model, weights: quantizeWeights(graphs, model.weights, precision) };
}
