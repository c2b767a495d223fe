/** How the share of tokens that are still unknown falls (docs/SYSTEMS.md, MaskGIT sampling); the original has `powX` with any X, as `pow2.5`. */
export const MASK_SCHEDULES = ['arccos', 'cosine', 'linear', 'square', 'root', 'pow3', 'log', 'exp'] as const;

/** The one that the Halton sampler follows. */
export const HALTON_SCHEDULE = 'arccos';

const f32 = Math.fround;

/** Half of π as a float32. */
const QUARTER_TURN = f32(Math.PI / 2);

/** A share that one of the two functions gives, and the other as what is missing to 1. */
type Share = (progress: number, positions: number) => number;
interface Curve {
  readonly gives: 'known' | 'unknown';
  readonly share: Share;
}

const power = (exponent: number): Curve => ({
  gives: 'known',
  share: (progress) => f32(progress ** exponent),
});

const CURVES: Readonly<Record<string, Curve>> = {
  arccos: { gives: 'unknown', share: (progress) => f32(f32(Math.acos(progress)) / QUARTER_TURN) },
  cosine: { gives: 'unknown', share: (progress) => f32(Math.cos(f32(QUARTER_TURN * progress))) },
  linear: power(1),
  square: power(2),
  root: power(0.5),
  log: {
    gives: 'unknown',
    share: (progress, positions) =>
      // More than 1 before the first token could be known.
      Math.min(1, f32(f32(-Math.log2(progress)) / f32(Math.log2(positions)))),
  },
  exp: {
    gives: 'unknown',
    share: (progress, positions) => f32(1 - f32(2 ** f32(-f32(Math.log2(positions)) * f32(1 - progress)))),
  },
};

/** @throws RangeError for schedules that are none. */
function curveOf(schedule: string): Curve {
  const exponent = /^pow(\d+(?:\.\d+)?)$/.exec(schedule)?.[1];
  if (exponent !== undefined && Number(exponent) > 0) return power(Number(exponent));
  const curve = Object.hasOwn(CURVES, schedule) ? CURVES[schedule] : undefined;
  if (!curve) throw new RangeError(`there is no schedule '${schedule}'`);
  return curve;
}

const shareOf =
  (wanted: Curve['gives']) =>
  (schedule: string, progress: number, positions: number): number => {
    const { gives, share } = curveOf(schedule);
    const given = share(progress, positions);
    return gives === wanted ? given : f32(1 - given);
  };

/**
 * Share of the tokens that are unknown at a progress from 0 to 1: float32, rounded after each operation, since rounding
 * decides the counts where a value is a whole number.
 * @param schedule one of `MASK_SCHEDULES`, or `powX` with a number X > 0
 * @param progress a float32
 * @param positions tokens in all, on which `log` and `exp` depend
 * @throws RangeError for schedules that are none.
 */
export const unknownShare = shareOf('unknown');

/** Share of the tokens that are known, as `unknownShare`. */
export const knownShare = shareOf('known');
