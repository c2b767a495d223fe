import { countElements } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { add } from './add.js';
import { mean } from './mean.js';
import { multiply } from './multiply.js';
import { rsqrt } from './rsqrt.js';

type RmsNormAttributes = { readonly epsilon: number };

const rmsNormOp = defineOp<RmsNormAttributes>({
  name: 'rmsNorm',
  infer([x, weight]) {
    requireDType([x!, weight!], 'f32');
    requireRank(weight!, 1, 'the weight');
    requireEqualDims(x!.shape.at(-1) ?? 1, weight!.shape[0]!, 'the last axis and the weight');
    return [{ dtype: 'f32', shape: x!.shape }];
  },
  reference([x, weight], { epsilon }) {
    const result = zeros('f32', x!.shape);
    const size = weight!.data.length;
    for (let start = 0; start < x!.data.length; start += size) {
      let squares = 0;
      for (let i = 0; i < size; i++) squares += x!.data[start + i]! ** 2;
      const scale = 1 / Math.sqrt(squares / size + epsilon);
      for (let i = 0; i < size; i++) result.data[start + i] = x!.data[start + i]! * scale * weight!.data[i]!;
    }
    return [result];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('RMSNormalization', inputs, { axis: { int: -1 }, epsilon: { float: attributes.epsilon } }),
  ],
  gradient([gradient], { inputs: [x, weight], attributes: { epsilon }, ops }) {
    const scale = ops.rsqrt(ops.add(ops.mean(ops.multiply(x!, x!), { axes: [-1], keepDims: true }), epsilon));
    const features = weight!.shape[0]!;
    // The sums over features and over rows are both products with what weighs them, and read this once each.
    const products = ops.multiply(gradient!, x!);
    const along = ops.matmul(products, ops.reshape(ops.divide(weight!, Number(features)), [features, 1]));
    const toX = [scale, scale, scale].reduce((product, factor) => ops.multiply(product, factor), along);
    const rows = ops.matmul(ops.reshape(scale, [1, -1]), ops.reshape(products, [-1, features]));
    return [
      ops.subtract(ops.multiply(ops.multiply(gradient!, weight!), scale), ops.multiply(x!, toX)),
      ops.reshape(rows, weight!.shape),
    ];
  },
  decompose([x, weight], { epsilon }) {
    const scale = rsqrt(add(mean(multiply(x!, x!), { axes: [-1], keepDims: true }), epsilon));
    return [multiply(multiply(x!, scale), weight!)];
  },
  rowAxes: () => 1,
  flops: ([x]) => 4 * countElements(x!.shape),
});

/**
 * x/√(mean(x²) + epsilon)·weight along the last axis (Zhang and Sennrich, 2019).
 * @param x `[…, features]`
 * @param weight `[features]`
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return apply(rmsNormOp, [x, weight], { epsilon });
}
