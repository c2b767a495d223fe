export interface FilterOptions {
  /** Keep the k most likely tokens and whatever equals the k-th; 0 keeps all. */
  readonly topK: number;
  /** Keep the most likely tokens until their mass exceeds this, the first always; 1 keeps all. */
  readonly topP: number;
}

/** Tokens are sorted into bins by so many of the upper bits of their logits, so that only one bin must be sorted itself. */
const BIN_BITS = 11;
const BINS = 1 << BIN_BITS;

/** A bin for each token; larger logits are never in a smaller one. */
function binsOf(logits: Float32Array): Uint16Array {
  const bits = new Int32Array(logits.buffer, logits.byteOffset, logits.length);
  const bins = new Uint16Array(logits.length);
  for (let token = 0; token < bits.length; token++) {
    const own = bits[token]!;
    // Floats are ordered as their bits are, negative ones the other way round.
    bins[token] = (own < 0 ? ~own : own | 0x80000000) >>> (32 - BIN_BITS);
  }
  return bins;
}

/** The tokens of a bin, the most likely first, the first of equals first. */
function sortedBin(logits: Float32Array, bins: Uint16Array, wanted: number): readonly number[] {
  const tokens: number[] = [];
  for (let token = 0; token < bins.length; token++) if (bins[token] === wanted) tokens.push(token);
  return tokens.sort((a, b) => logits[b]! - logits[a]! || a - b);
}

/** The k-th largest logit, 1 ≤ k ≤ their number. */
function kthLargest(logits: Float32Array, k: number): number {
  const bins = binsOf(logits);
  const counts = new Uint32Array(BINS);
  for (let token = 0; token < bins.length; token++) counts[bins[token]!]!++;
  let bin = BINS - 1;
  let above = 0;
  while (above + counts[bin]! < k) above += counts[bin--]!;
  return logits[sortedBin(logits, bins, bin)[k - above - 1]!]!;
}

/** The largest logit. */
export function largestOf(logits: Float32Array): number {
  let largest = -Infinity;
  for (let token = 0; token < logits.length; token++) if (logits[token]! > largest) largest = logits[token]!;
  return largest;
}

/**
 * Drops the tokens outside the smallest set of the most likely whose mass exceeds the limit.
 * @param logits which are changed
 */
function dropByMass(logits: Float32Array, limit: number): void {
  const largest = largestOf(logits);
  const bins = binsOf(logits);
  const masses = new Float64Array(BINS);
  for (let token = 0; token < logits.length; token++)
    masses[bins[token]!]! += Math.exp(logits[token]! - largest);
  const allowed = limit * masses.reduce((sum, mass) => sum + mass, 0);
  let bin = BINS - 1;
  let before = 0;
  while (bin > 0 && before + masses[bin]! <= allowed) before += masses[bin--]!;
  // The bin in which the mass exceeds the limit is in part kept, all below it are not.
  const dropped = new Set<number>();
  for (const token of sortedBin(logits, bins, bin)) {
    if (before > allowed) dropped.add(token);
    before += Math.exp(logits[token]! - largest);
  }
  for (let token = 0; token < logits.length; token++)
    if (bins[token]! < bin || dropped.has(token)) logits[token] = -Infinity;
}

/**
 * Drops unlikely tokens by setting their logits to −∞: top-k first, then top-p of what is left (docs/SYSTEMS.md, Filters).
 * @param logits of one position, `[vocabulary]`; not changed
 */
export function filterLogits(logits: Float32Array, { topK, topP }: FilterOptions): Float32Array {
  const limitsCount = topK > 0 && topK < logits.length;
  if (!limitsCount && topP >= 1) return logits;
  const kept = logits.slice();
  if (limitsCount) {
    const smallest = kthLargest(logits, topK);
    for (let token = 0; token < kept.length; token++) if (kept[token]! < smallest) kept[token] = -Infinity;
  }
  if (topP < 1) dropByMass(kept, topP);
  return kept;
}
