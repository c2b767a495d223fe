/**
 * The steps and weights of a diffusion with Gaussian noise (Ho et al., 2020; Nichol and Dhariwal, 2021), in float64: one
 * number for each step, the least noisy first.
 */
export interface DiffusionTables {
  /** Which of the trained steps each step is: what the network is told. */
  readonly timesteps: readonly number[];
  readonly betas: readonly number[];
  /** The share of the signal's variance: √ of it weighs the signal, √ of the rest the noise. */
  readonly signalShares: readonly number[];
  /** The signal is this times the noisy state, less `noiseWeights` times the noise. */
  readonly stateWeights: readonly number[];
  readonly noiseWeights: readonly number[];
  /** The mean of the state before is this times the signal, and `stateMeanWeights` times the state. */
  readonly signalMeanWeights: readonly number[];
  readonly stateMeanWeights: readonly number[];
  /** Logarithms of the largest and of the smallest variance that the state before may have. */
  readonly mostLogVariances: readonly number[];
  readonly leastLogVariances: readonly number[];
}

/** Steps that networks are trained with. */
export const TRAINED_STEPS = 1000;
const COSINE_OFFSET = 0.008;
const MAX_BETA = 0.999;

/** The signal's share after a part of the steps, up to a factor, by the cosine schedule. @param part 0 to 1 */
function cosineShare(part: number): number {
  return Math.cos((((part + COSINE_OFFSET) / (1 + COSINE_OFFSET)) * Math.PI) / 2) ** 2;
}

/** The betas of all trained steps. */
function cosineBetas(): readonly number[] {
  return Array.from({ length: TRAINED_STEPS }, (_, step) =>
    Math.min(1 - cosineShare((step + 1) / TRAINED_STEPS) / cosineShare(step / TRAINED_STEPS), MAX_BETA),
  );
}

/** Products of the factors up to each. */
function cumulativeProducts(factors: readonly number[]): readonly number[] {
  let product = 1;
  return factors.map((factor) => (product *= factor));
}

/** What follows from the betas. */
function tablesOf(betas: readonly number[], timesteps: readonly number[]): DiffusionTables {
  const shares = cumulativeProducts(betas.map((beta) => 1 - beta));
  const before = (step: number) => (step === 0 ? 1 : shares[step - 1]!);
  const posterior = (step: number) => (betas[step]! * (1 - before(step))) / (1 - shares[step]!);
  return {
    timesteps,
    betas,
    signalShares: shares,
    stateWeights: shares.map((share) => Math.sqrt(1 / share)),
    noiseWeights: shares.map((share) => Math.sqrt(1 / share - 1)),
    signalMeanWeights: shares.map((share, step) => (betas[step]! * Math.sqrt(before(step))) / (1 - share)),
    stateMeanWeights: shares.map(
      (share, step) => ((1 - before(step)) * Math.sqrt(1 - betas[step]!)) / (1 - share),
    ),
    mostLogVariances: betas.map((beta) => Math.log(beta)),
    // The first step has none; the second's stands in, or where there is no other, one that is never used.
    leastLogVariances: betas.map((beta, step) =>
      Math.log(step > 0 ? posterior(step) : betas.length > 1 ? posterior(1) : beta),
    ),
  };
}

/** The diffusion that networks are trained with: the cosine schedule of 1000 steps. */
export function trainedDiffusion(): DiffusionTables {
  const betas = cosineBetas();
  return tablesOf(betas, [...betas.keys()]);
}

/** The nearest whole number; of two, the even one. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** So many steps, evenly spread over a section of so many. */
function spreadSteps(count: number, size: number): readonly number[] {
  const stride = count > 1 ? (size - 1) / (count - 1) : 1;
  let at = 0;
  return Array.from({ length: count }, () => {
    const step = roundHalfToEven(at);
    at += stride;
    return step;
  });
}

/** Every i-th step, for the first i that gives so many. @throws RangeError where none does. */
function stridedSteps(count: number): readonly number[] {
  for (let stride = 1; stride < TRAINED_STEPS; stride++)
    if (Math.ceil(TRAINED_STEPS / stride) === count)
      return Array.from({ length: count }, (_, index) => index * stride);
  throw new RangeError(
    `no whole stride over ${TRAINED_STEPS} steps gives ${count} of them; give the number without 'ddim'`,
  );
}

/** Steps of sections of nearly equal size, so many of each. @throws RangeError for more than a section has. */
function sectionSteps(counts: readonly number[]): readonly number[] {
  const size = Math.floor(TRAINED_STEPS / counts.length);
  const larger = TRAINED_STEPS % counts.length;
  return counts.flatMap((count, section) => {
    const own = size + (section < larger ? 1 : 0);
    const start = section * size + Math.min(section, larger);
    if (count > own)
      throw new RangeError(`a section of ${own} of the ${TRAINED_STEPS} steps cannot give ${count}`);
    return spreadSteps(count, own).map((step) => start + step);
  });
}

const COUNTS = /^[1-9]\d{0,3}(,[1-9]\d{0,3})*$/;
const STRIDED = /^ddim([1-9]\d{0,3})$/;

/**
 * Which of the trained steps are kept, ascending (docs/SYSTEMS.md, MAR sampling).
 * @param text numbers of steps for as many sections of equal size, with commas in between: `100`, `10,5`; or `ddim25`, every
 *   i-th step, so that there are 25
 * @throws RangeError saying what is wrong with it.
 */
export function spacedTimesteps(text: string): readonly number[] {
  const [, strided] = STRIDED.exec(text) ?? [];
  if (strided !== undefined) return stridedSteps(Number(strided));
  if (!COUNTS.test(text))
    throw new RangeError(`'${text}' is no number of steps, such as 100, ddim25 or 10,5`);
  return sectionSteps(text.split(',').map(Number));
}

/**
 * The diffusion that goes through some of the trained steps only, with as much noise at each as there.
 * @param timesteps ascending
 */
export function spacedDiffusion(timesteps: readonly number[]): DiffusionTables {
  const { signalShares } = trainedDiffusion();
  const kept = timesteps.map((step) => signalShares[step]!);
  return tablesOf(
    kept.map((share, index) => 1 - share / (kept[index - 1] ?? 1)),
    timesteps,
  );
}
