import type { OnnxAttribute, OnnxEmitter } from '../../src/graph/onnxEmitter.js';

/** Turns neighbouring features by what tables hold for positions: x, i32 positions, cosines, sines. */
export function turnPairs(
  emitter: OnnxEmitter,
  [x, positions, cosines, sines]: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): string {
  const ids = emitter.cast(positions!, 'int64');
  // With positions, onnxruntime wants tables of at least as many rows as there are tokens; with a row for each it does not.
  const rows = [cosines!, sines!].map((table) => emitter.node('Gather', [table, ids], { axis: { int: 0 } }));
  return emitter.node('RotaryEmbedding', [x!, ...rows], { interleaved: { int: 1 }, ...attributes });
}
