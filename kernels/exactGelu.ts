import type { Tensor } from '../src/graph/node.js';
import { add } from './add.js';
import { erf } from './erf.js';
import { multiply } from './multiply.js';

/** Element-wise GELU in its exact form (Hendrycks and Gimpel, 2016): x/2·(1 + erf(x/√2)). */
export function exactGelu(x: Tensor): Tensor {
  return multiply(multiply(x, 0.5), add(1, erf(multiply(x, Math.SQRT1_2))));
}
