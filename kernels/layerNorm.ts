import { countElements } from '../src/graph/dimension.js';
import { sumToShape } from '../src/graph/gradientRule.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { add } from './add.js';
import { centredRows } from './families/centredRows.js';
import { mean } from './mean.js';
import { multiply } from './multiply.js';
import { rsqrt } from './rsqrt.js';
import { subtract } from './subtract.js';

type LayerNormAttributes = { readonly epsilon: number };

const layerNormOp = defineOp<LayerNormAttributes>({
  name: 'layerNorm',
  infer([x, weight, bias]) {
    requireDType([x!, weight!, bias!], 'f32');
    const features = x!.shape.at(-1) ?? 1;
    for (const [parameter, what] of [
      [weight!, 'weight'],
      [bias!, 'bias'],
    ] as const) {
      requireRank(parameter, 1, `the ${what}`);
      requireEqualDims(features, parameter.shape[0]!, `the last axis and the ${what}`);
    }
    return [{ dtype: 'f32', shape: x!.shape }];
  },
  reference([x, weight, bias], { epsilon }) {
    const result = zeros('f32', x!.shape);
    const size = weight!.data.length;
    for (let start = 0; start < x!.data.length; start += size) {
      let total = 0;
      for (let i = 0; i < size; i++) total += x!.data[start + i]!;
      const centre = total / size;
      let squares = 0;
      for (let i = 0; i < size; i++) squares += (x!.data[start + i]! - centre) ** 2;
      const scale = 1 / Math.sqrt(squares / size + epsilon);
      for (let i = 0; i < size; i++)
        result.data[start + i] = (x!.data[start + i]! - centre) * scale * weight!.data[i]! + bias!.data[i]!;
    }
    return [result];
  },
  onnx: (emitter, { inputs: [x, ...parameters], attributes }) => [
    emitter.node('LayerNormalization', [centredRows(emitter, x!), ...parameters], {
      axis: { int: -1 },
      epsilon: { float: attributes.epsilon },
    }),
  ],
  gradient([gradient], { inputs: [x, weight, bias], attributes: { epsilon }, ops }) {
    const along = (rows: Tensor) => ops.mean(rows, { axes: [-1], keepDims: true });
    const centred = ops.subtract(x!, along(x!));
    const scale = ops.rsqrt(ops.add(along(ops.multiply(centred, centred)), epsilon));
    const normalized = ops.multiply(centred, scale);
    const weighted = ops.multiply(gradient!, weight!);
    const shift = ops.add(
      along(weighted),
      ops.multiply(normalized, along(ops.multiply(weighted, normalized))),
    );
    return [
      ops.multiply(scale, ops.subtract(weighted, shift)),
      sumToShape(ops.multiply(gradient!, normalized), weight!.shape, ops),
      sumToShape(gradient!, bias!.shape, ops),
    ];
  },
  decompose([x, weight, bias], { epsilon }) {
    const centred = subtract(x!, mean(x!, { axes: [-1], keepDims: true }));
    const scale = rsqrt(add(mean(multiply(centred, centred), { axes: [-1], keepDims: true }), epsilon));
    return [add(multiply(multiply(centred, scale), weight!), bias!)];
  },
  rowAxes: () => 1,
  flops: ([x]) => 6 * countElements(x!.shape),
});

/**
 * Layer normalisation (Ba et al., 2016): (x − mean(x))/√(variance(x) + epsilon)·weight + bias along the last axis.
 * @param x `[…, features]`
 * @param weight `[features]`
 * @param bias `[features]`
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return apply(layerNormOp, [x, weight, bias], { epsilon });
}
