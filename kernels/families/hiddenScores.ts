import type { OnnxEmitter } from '../../src/graph/onnxEmitter.js';

/** Score of a hidden key: small enough for a weight of exactly 0, finite so that no row turns into NaN. */
export const HIDDEN = -1e30;

/** What is added to scores for a mask. As booleans, a row that sees nothing would be 0 instead of the mean of all. */
export function biasOf(emitter: OnnxEmitter, mask: string): string {
  const scores = [0, HIDDEN].map((score) => emitter.constant({ type: 'float', values: [score] }, []));
  return emitter.node('Where', [mask, ...scores]);
}
