import { onnxTypeOf } from '../src/graph/onnxEmitter.js';
import { apply, defineOp } from '../src/graph/op.js';
import type { Tensor } from '../src/graph/node.js';
import type { DType } from '../src/graph/tensorType.js';

type CastAttributes = { readonly to: DType };

const convert: Readonly<Record<DType, (x: number) => number>> = {
  f32: (x) => x,
  i32: Math.trunc,
  bool: (x) => Number(x !== 0),
};

const castOp = defineOp<CastAttributes>({
  name: 'cast',
  infer: ([x], { to }) => [{ dtype: to, shape: x!.shape }],
  reference: ([x], { to }) => [{ dtype: to, shape: x!.shape, data: Float64Array.from(x!.data, convert[to]) }],
  onnx: (emitter, { inputs, attributes }) => [emitter.cast(inputs[0]!, onnxTypeOf(attributes.to))],
  gpu: {
    kind: 'element',
    expression: ([x], { to }) => {
      if (to === 'f32') return x!;
      return to === 'bool' ? `(${x} === 0 ? 0.0 : 1.0)` : `(${x} < 0 ? Math.ceil(${x}) : Math.floor(${x}))`;
    },
  },
  gradient: ([gradient], { inputs: [x] }) => [x!.dtype === 'f32' ? gradient : undefined],
  rowAxes: () => 0,
  simplify: ([x], { to }) => (x!.dtype === to ? [x!] : undefined),
});

/** Element-wise change of dtype: floats are truncated towards zero, booleans are 0 or 1. */
export function cast(x: Tensor, to: DType): Tensor {
  return apply(castOp, [x], { to });
}
