/** How soft the choice of a code is at the first scale, how it hardens up to the last, and at least. */
const FIRST_SOFTNESS = 0.27;
const HARDENING = 0.95;
const LEAST_SOFTNESS = 0.005;

/**
 * Shares of the codes instead of one that is drawn: a draw by Gumbel noise with a softmax in place of the largest
 * (docs/SYSTEMS.md, VAR).
 * @param logits filtered, −∞ where dropped
 * @param progress 0 at the first scale, 1 at the last
 * @param gumbel the noise of each code
 * @param into where the shares are written, one for each code
 */
export function smoothShares(
  logits: Float32Array,
  progress: number,
  gumbel: ArrayLike<number>,
  into: Float32Array,
): void {
  const softness = Math.max(FIRST_SOFTNESS * (1 - HARDENING * progress), LEAST_SOFTNESS);
  const scores = Float64Array.from(logits, (logit, code) =>
    logit === -Infinity ? logit : (logit * (1 + progress) + gumbel[code]!) / softness,
  );
  let largest = -Infinity;
  for (let code = 0; code < scores.length; code++) if (scores[code]! > largest) largest = scores[code]!;
  let sum = 0;
  for (let code = 0; code < scores.length; code++) {
    scores[code] = Math.exp(scores[code]! - largest);
    sum += scores[code]!;
  }
  for (let code = 0; code < scores.length; code++) into[code] = scores[code]! / sum;
}
