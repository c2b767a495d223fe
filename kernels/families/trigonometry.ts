import type { Expression } from '../../src/graph/gpuRule.js';

/** 2π as a number with few bits and what is left, so that its multiples are subtracted without rounding. */
const TURN_HIGH = 6.28125;
const TURN_LOW = 2 * Math.PI - TURN_HIGH;

/** Taylor coefficients of sin(r)/r in r², enough for float32 up to |r| = π/2. */
const COEFFICIENTS = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800];

/**
 * The sine in a GPU kernel's source. A GPU's own may be off by 2⁻¹¹ (WGSL specification, accuracy of expressions),
 * too much for positions.
 */
export function sinExpression(angle: Expression, name: (part: Expression) => Expression): Expression {
  const x = name(angle);
  const turns = name(`Math.floor(${x} / ${2 * Math.PI} + 0.5)`);
  const reduced = name(`(${x} - ${turns} * ${TURN_HIGH} - ${turns} * ${TURN_LOW})`);
  // sin(r) = sin(π − r) brings the angle to the quarter turns around 0.
  const folded = `(${reduced} > ${Math.PI / 2} ? ${Math.PI} - ${reduced} : ${reduced} < ${-Math.PI / 2} ? ${-Math.PI} - ${reduced} : ${reduced})`;
  const r = name(folded);
  const square = name(`(${r} * ${r})`);
  const series = COEFFICIENTS.reduceRight<Expression>(
    (sum, coefficient) =>
      sum === '' ? decimal(coefficient) : `(${decimal(coefficient)} + ${square} * ${sum})`,
    '',
  );
  return `(${r} * ${series})`;
}

/** A number without an exponent, which not all kernel languages read. */
function decimal(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : value.toFixed(20);
}
