export interface FilterOptions {
  /** Keep the k most likely tokens and whatever equals the k-th; 0 keeps all. */
  readonly topK: number;
  /** Keep the most likely tokens until their mass exceeds this, the first always; 1 keeps all. */
  readonly topP: number;
}

/**
 * Drops unlikely tokens by setting their logits to −∞: top-k first, then top-p of what is left (docs/SYSTEMS.md, Filters).
 * @param logits of one position, `[vocabulary]`; not changed
 */
export function filterLogits(logits: Float32Array, { topK, topP }: FilterOptions): Float32Array {
  if ((topK === 0 || topK >= logits.length) && topP >= 1) return logits;
  const descending = logits.slice().sort().reverse();
  const kthLargest = topK > 0 && topK < logits.length ? descending[topK - 1]! : -Infinity;
  const byCount = logits.map((logit) => (logit < kthLargest ? -Infinity : logit));
  if (topP >= 1) return byCount;
  const dropped = droppedByMass(byCount, topP);
  return byCount.map((logit, token) => (dropped.has(token) ? -Infinity : logit));
}

/** Tokens outside the smallest set of the most likely whose mass exceeds the limit. */
function droppedByMass(logits: Float32Array, limit: number): ReadonlySet<number> {
  const ranking = Array.from(logits.keys())
    .filter((token) => logits[token]! > -Infinity)
    .sort((a, b) => logits[b]! - logits[a]! || a - b);
  const largest = logits[ranking[0]!]!;
  const masses = ranking.map((token) => Math.exp(logits[token]! - largest));
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  let before = 0;
  const dropped = new Set<number>();
  for (const [rank, token] of ranking.entries()) {
    if (rank > 0 && before > limit * total) dropped.add(token);
    before += masses[rank]!;
  }
  return dropped;
}
