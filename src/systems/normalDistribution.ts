/** Beyond that, the tails are less than a float64 tells from 0 and 1. */
const FAR = 8;

/** ∫ from 0 to x of the standard normal density: a series whose terms have one sign, so that nothing cancels. */
function shareFromZero(x: number): number {
  let [term, total] = [x, 0];
  for (let n = 1; total + term !== total; n++) {
    total += term;
    term *= (x * x) / (2 * n + 1);
  }
  return (total * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Φ: the share of a standard normal distribution below x. */
export function normalShare(x: number): number {
  return 0.5 + shareFromZero(Math.max(-FAR, Math.min(FAR, x)));
}

/**
 * Φ⁻¹, by halving intervals.
 * @param share above 0 and below 1
 */
export function normalQuantile(share: number): number {
  let [low, high] = [-FAR, FAR];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
}
