import { guideInto } from '../../../src/sampling/guidance.js';

/** What guidance makes of logits with their condition and without, as an array of its own. */
export function guide(conditional: Float32Array, unconditional: Float32Array, scale: number): Float32Array {
  const guided = new Float32Array(conditional.length);
  guideInto(conditional, unconditional, scale, guided);
  return guided;
}
