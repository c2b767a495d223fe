import type { OnnxEmitter } from '../../src/graph/onnxEmitter.js';

/** A value whose last axis is to be normalised, less its mean along that axis where the emitter asks for it. */
export function centredRows(emitter: OnnxEmitter, value: string): string {
  if (!emitter.centresRows) return value;
  const lastAxis = emitter.constant({ type: 'int64', values: [-1] }, [1]);
  return emitter.node('Sub', [
    value,
    emitter.node('ReduceMean', [value, lastAxis], { keepdims: { int: 1 } }),
  ]);
}
