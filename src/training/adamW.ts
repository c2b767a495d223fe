import { add, divide, multiply, sqrt, subtract, sum, type Tensor } from '../dsl/index.js';
import type { AdamWOptions } from './trainingStep.js';

/** Moving averages of a gradient and of its square, or what divides them. */
export interface Moments {
  readonly first: Tensor;
  readonly second: Tensor;
}

/** Numbers of a step, without axes. */
export interface UpdateFactors {
  readonly rate: Tensor;
  /** What scales the gradient down to the length that is allowed. */
  readonly clip: Tensor;
  /** The weight decay, which may be the parameter's own. */
  readonly decay: Tensor | number;
  /** What undoes the moments' start at zero: they are divided by these. */
  readonly corrections: Moments;
}

/**
 * One parameter's update (Loshchilov and Hutter, 2019). Factors without axes are multiplied with each other first, and
 * the gradient's square is the one that the norm is made of, so that as few passes as possible go over the parameter.
 */
export function adamW(
  parameter: Tensor,
  gradient: Tensor,
  moments: Moments,
  { rate, clip, corrections, decay }: UpdateFactors,
  { beta1, beta2, epsilon }: AdamWOptions,
): Moments & { readonly parameter: Tensor } {
  const first = add(multiply(moments.first, beta1), multiply(gradient, multiply(clip, 1 - beta1)));
  const square = multiply(gradient, gradient);
  const second = add(
    multiply(moments.second, beta2),
    multiply(square, multiply(multiply(clip, clip), 1 - beta2)),
  );
  // rate·(first/c1)/(√(second/c2) + ε), with both sides of the fraction multiplied by √c2.
  const root = sqrt(corrections.second);
  const length = divide(multiply(rate, root), corrections.first);
  const moved = divide(multiply(first, length), add(sqrt(second), multiply(root, epsilon)));
  const decayed = multiply(parameter, subtract(1, multiply(rate, decay)));
  return { parameter: subtract(decayed, moved), first, second };
}

/** The length of all gradients taken as one vector. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  return sqrt(gradients.map((gradient) => sum(multiply(gradient, gradient))).reduce((a, b) => add(a, b)));
}
