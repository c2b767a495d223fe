/** Half precision's significand has so many bits, its smallest normal number is 2⁻¹⁴, and from here on it is infinite. */
const STEPS = 2 ** 10;
const LEAST_EXPONENT = -14;
const OVERFLOW = 65520;
/** Adding it makes whole numbers of what is far smaller, ties going to even. */
const ROUNDER = 1.5 * 2 ** 52;

const view = new DataView(new ArrayBuffer(8));

/** The nearest number of half precision, the even one of two as near; infinite beyond 65504. */
export function roundToHalf(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude < OVERFLOW)) return Number.isNaN(value) ? value : value * Number.POSITIVE_INFINITY;
  if (magnitude === 0) return value;
  view.setFloat64(0, magnitude);
  const exponent = (view.getUint32(0) >>> 20) - 1023;
  const step = 2 ** Math.max(exponent, LEAST_EXPONENT) / STEPS;
  return (value / step + ROUNDER - ROUNDER) * step;
}
