export interface FilterOptions {
  /** Keep the k most likely tokens and whatever equals the k-th; 0 keeps all. */
  readonly topK: number;
  /** Keep the most likely tokens until their mass exceeds this, the first always; 1 keeps all. */
  readonly topP: number;
}

/** Tokens fall into bins by so many of the upper bits of their logits, so that only one bin must be sorted. */
const BIN_BITS = 11;
const BINS = 1 << BIN_BITS;
const BIN_SHIFT = 32 - BIN_BITS;

/** Memory that the filters of one vocabulary use in turn, so that none is asked for with each token. */
export interface FilterScratch {
  /** `[vocabulary]`: what the filters leave. */
  readonly kept: Float32Array;
  /** `[vocabulary]` each: all tokens; some of them, in order; and two for sorting. */
  readonly all: Uint32Array;
  readonly some: Uint32Array;
  readonly unsorted: Uint32Array;
  readonly sorted: Uint32Array;
  /** `[BINS]` each. */
  readonly counts: Uint32Array;
  readonly masses: Float64Array;
}

export function filterScratch(vocabulary: number): FilterScratch {
  return {
    kept: new Float32Array(vocabulary),
    all: new Uint32Array(vocabulary).map((_, token) => token),
    some: new Uint32Array(vocabulary),
    unsorted: new Uint32Array(vocabulary),
    sorted: new Uint32Array(vocabulary),
    counts: new Uint32Array(BINS),
    masses: new Float64Array(BINS),
  };
}

/** A number of 32 bits that is the larger, the larger the float with these bits is. */
function keyOf(bits: number): number {
  // Floats are ordered as their bits are, negative ones the other way round: all their bits are turned, else the sign's.
  return bits ^ ((bits >> 31) | 0x80000000);
}

function binOf(bits: number): number {
  return keyOf(bits) >>> BIN_SHIFT;
}

/** The bin of 0; −0, which equals it, is in the one below. */
const ZERO_BIN = binOf(0);

/** The bits of the logits, which they share memory with. */
function bitsOf(logits: Float32Array): Int32Array {
  return new Int32Array(logits.buffer, logits.byteOffset, logits.length);
}

/** The lower bits, by which a bin is sorted in two turns. */
const TURNS = [
  { shift: 0, highest: (1 << 10) - 1 },
  { shift: 10, highest: (1 << (BIN_SHIFT - 10)) - 1 },
] as const;

/** Those of the tokens, which come in order, that are in the bin: the most likely first, the first of equals first. */
function sortedBin(
  tokens: Uint32Array,
  bin: number,
  bits: Int32Array,
  { unsorted, sorted, counts }: FilterScratch,
): Uint32Array {
  let count = 0;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (binOf(bits[token]!) === bin) unsorted[count++] = token;
  }
  let [from, to] = [unsorted, sorted];
  for (const { shift, highest } of TURNS) {
    // By counting, the highest digit first.
    const digitOf = (token: number) => highest - ((keyOf(bits[token]!) >>> shift) & highest);
    counts.fill(0);
    for (let index = 0; index < count; index++) counts[digitOf(from[index]!)]!++;
    let place = 0;
    for (let digit = 0; digit <= highest; digit++) {
      const own = counts[digit]!;
      counts[digit] = place;
      place += own;
    }
    for (let index = 0; index < count; index++) {
      const token = from[index]!;
      to[counts[digitOf(token)]!++] = token;
    }
    [from, to] = [to, from];
  }
  return from.subarray(0, count);
}

/** The k most likely tokens and whatever equals the k-th, in order. */
function mostLikely(logits: Float32Array, k: number, scratch: FilterScratch): Uint32Array {
  const bits = bitsOf(logits);
  const { counts, some } = scratch;
  counts.fill(0);
  for (let token = 0; token < bits.length; token++) counts[binOf(bits[token]!)]!++;
  let bin = BINS - 1;
  let above = 0;
  while (above + counts[bin]! < k) above += counts[bin--]!;
  const lowest = bin === ZERO_BIN ? bin - 1 : bin;
  let candidates = 0;
  for (let token = 0; token < bits.length; token++) {
    some[candidates] = token;
    // 1 from the lowest bin on, 0 below it: a branch that nobody can foresee costs more than what is written in vain.
    candidates += (lowest - 1 - binOf(bits[token]!)) >>> 31;
  }
  const smallest = logits[sortedBin(some.subarray(0, candidates), bin, bits, scratch)[k - above - 1]!]!;
  let count = 0;
  for (let index = 0; index < candidates; index++) {
    const token = some[index]!;
    if (logits[token]! >= smallest) some[count++] = token;
  }
  return some.subarray(0, count);
}

/** The largest logit. */
function largestOf(logits: Float32Array): number {
  let largest = -Infinity;
  for (let token = 0; token < logits.length; token++) if (logits[token]! > largest) largest = logits[token]!;
  return largest;
}

/** Writes the logits of the smallest set of the most likely of the tokens, which come in order, whose mass exceeds the limit. */
function keepByMass(logits: Float32Array, tokens: Uint32Array, limit: number, scratch: FilterScratch): void {
  const bits = bitsOf(logits);
  const { kept, masses } = scratch;
  const largest = largestOf(logits);
  masses.fill(0);
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    masses[binOf(bits[token]!)]! += Math.exp(logits[token]! - largest);
  }
  let all = 0;
  for (let bin = 0; bin < BINS; bin++) all += masses[bin]!;
  const allowed = limit * all;
  let bin = BINS - 1;
  let before = 0;
  while (bin > 0 && before + masses[bin]! <= allowed) before += masses[bin--]!;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (binOf(bits[token]!) > bin) kept[token] = logits[token]!;
  }
  // The bin in which the mass exceeds the limit is in part kept, all below it are not.
  for (const token of sortedBin(tokens, bin, bits, scratch)) {
    if (before > allowed) break;
    kept[token] = logits[token]!;
    before += Math.exp(logits[token]! - largest);
  }
}

/**
 * Drops unlikely tokens by setting their logits to −∞: top-k first, then top-p of what is left (docs/SYSTEMS.md, Filters).
 * @param logits of one position, `[vocabulary]`; not changed
 * @returns them where none is dropped, else what the scratch keeps until its next use
 */
export function filterLogits(
  logits: Float32Array,
  { topK, topP }: FilterOptions,
  scratch: FilterScratch = filterScratch(logits.length),
): Float32Array {
  const limitsCount = topK > 0 && topK < logits.length;
  if (!limitsCount && topP >= 1) return logits;
  const { kept, all } = scratch;
  const tokens = limitsCount ? mostLikely(logits, topK, scratch) : all;
  kept.fill(-Infinity);
  if (topP < 1) keepByMass(logits, tokens, topP, scratch);
  else for (let index = 0; index < tokens.length; index++) kept[tokens[index]!] = logits[tokens[index]!]!;
  return kept;
}
