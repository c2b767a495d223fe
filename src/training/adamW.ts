import { add, divide, multiply, sqrt, subtract, sum, type Tensor } from '../dsl/index.js';
import type { AdamWOptions } from './trainingStep.js';

/** Moving averages of a gradient and of its square, or what divides them. */
export interface Moments {
  readonly first: Tensor;
  readonly second: Tensor;
}

/** One parameter's update (Loshchilov and Hutter, 2019); the corrections undo the moments' start at zero. */
export function adamW(
  parameter: Tensor,
  gradient: Tensor,
  moments: Moments,
  rate: Tensor,
  corrections: Moments,
  { beta1, beta2, epsilon, weightDecay, decaysVectors = false }: AdamWOptions,
): Moments & { readonly parameter: Tensor } {
  const first = add(multiply(moments.first, beta1), multiply(gradient, 1 - beta1));
  const second = add(multiply(moments.second, beta2), multiply(multiply(gradient, gradient), 1 - beta2));
  const direction = divide(
    divide(first, corrections.first),
    add(sqrt(divide(second, corrections.second)), epsilon),
  );
  const decay = decaysVectors || parameter.shape.length >= 2 ? weightDecay : 0;
  const decayed = multiply(parameter, subtract(1, multiply(rate, decay)));
  return { parameter: subtract(decayed, multiply(rate, direction)), first, second };
}

/** The length of all gradients taken as one vector. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  return sqrt(gradients.map((gradient) => sum(multiply(gradient, gradient))).reduce((a, b) => add(a, b)));
}
