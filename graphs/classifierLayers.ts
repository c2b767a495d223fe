import { conv2d, parameter, relu, scope, type Tensor } from '../src/dsl/index.js';

/** 3×3 convolution → ReLU; a stride of 2 halves the image. */
export function convRelu(name: string, x: Tensor, outputs: number, stride: 1 | 2): Tensor {
  const inputs = Number(x.shape[1]);
  return scope(name, () => {
    const bound = Math.sqrt(6 / (inputs * 9));
    const weight = parameter('weight', [outputs, inputs, 3, 3], { kind: 'uniform', bound });
    const bias = parameter('bias', [outputs], { kind: 'zeros' });
    return relu(conv2d(x, weight, { bias, stride, padding: 1 }));
  });
}

/** Convolutions of such widths, `layers.0` and so on; all but the first halve the map. */
export function convLayers(x: Tensor, widths: readonly number[]): Tensor {
  return widths.reduce(
    (map, outputs, index) => convRelu(`layers.${index}`, map, outputs, index === 0 ? 1 : 2),
    x,
  );
}
