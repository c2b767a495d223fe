import { defineUnary } from './families/elementwise.js';

/** From here on the error function is ±1 in float64. */
const SATURATION = 6;

/** 2/√π·e^(−x²)·Σ 2ⁿ·x^(2n+1)/(2n+1)!!, whose terms have one sign, so that nothing cancels. */
function errorFunction(x: number): number {
  if (Math.abs(x) >= SATURATION) return Math.sign(x);
  let [term, total] = [x, 0];
  for (let n = 1; total + term !== total; n++) {
    total += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** Abramowitz and Stegun, 7.1.26: within 1.5·10⁻⁷. */
const APPROXIMATION = {
  scale: 0.3275911,
  coefficients: [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429],
};

/** Element-wise error function. */
export const erf = defineUnary({
  name: 'erf',
  compute: errorFunction,
  onnx: 'Erf',
  gpu(x, name) {
    const size = name(`Math.min(${SATURATION}.0, Math.abs(${x}))`);
    const t = name(`(1.0 / (1.0 + ${APPROXIMATION.scale} * ${size}))`);
    const polynomial = APPROXIMATION.coefficients.reduceRight(
      (sum, coefficient) => `(${t} * (${coefficient} + ${sum}))`,
      '0.0',
    );
    return `((${x} < 0.0 ? -1.0 : 1.0) * (1.0 - ${polynomial} * Math.exp(-(${size} * ${size}))))`;
  },
  derivative: (x, _, ops) => ops.multiply(2 / Math.sqrt(Math.PI), ops.exp(ops.negate(ops.multiply(x, x)))),
});
