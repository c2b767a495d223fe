import { countElements } from './dimension.js';
import type { Expression } from './gpuRule.js';

/** Arithmetic on indices, which are expressions of whole numbers ≥ 0. Numbers are folded. */

function asNumber(expression: Expression): number | undefined {
  return /^-?\d+$/.test(expression) ? Number(expression) : undefined;
}

export function addIndex(a: Expression, b: Expression | number): Expression {
  const [x, y] = [asNumber(a), asNumber(String(b))];
  if (x !== undefined && y !== undefined) return String(x + y);
  if (x === 0) return String(b);
  if (y === 0) return a;
  return y !== undefined && y < 0 ? `(${a} - ${-y})` : `(${a} + ${b})`;
}

export function multiplyIndex(a: Expression, factor: number): Expression {
  const x = asNumber(a);
  if (x !== undefined) return String(x * factor);
  if (factor === 0) return '0';
  return factor === 1 ? a : `(${a} * ${factor})`;
}

/** ⌊a/divisor⌋. Half a step is added because a GPU's division may fall just short of a whole number. */
export function divideIndex(a: Expression, divisor: number): Expression {
  const x = asNumber(a);
  if (x !== undefined) return String(Math.floor(x / divisor));
  return divisor === 1 ? a : `Math.floor((${a} + 0.5) / ${divisor})`;
}

export function moduloIndex(a: Expression, divisor: number): Expression {
  const x = asNumber(a);
  if (x !== undefined) return String(x % divisor);
  if (divisor === 1) return '0';
  return `(${a} - ${multiplyIndex(divideIndex(a, divisor), divisor)})`;
}

/** From here on a float32 cannot tell a whole number and a half from the whole number. */
const MAX_POSITIONS = 2 ** 23;

/** @throws RangeError where a float32 cannot tell positions in a shape apart. */
function requireCountable(shape: readonly number[]): void {
  const count = countElements(shape);
  if (count > MAX_POSITIONS)
    throw new RangeError(`[${shape.join(', ')}] has more positions than the 2^23 that a kernel can count`);
}

/**
 * Position in row-major order.
 * @throws RangeError where there are too many.
 */
export function flattenIndex(index: readonly Expression[], shape: readonly number[]): Expression {
  requireCountable(shape);
  return index.reduce<Expression>(
    (flat, place, axis) => addIndex(multiplyIndex(flat, shape[axis]!), place),
    '0',
  );
}

/**
 * The index of a position in row-major order; axes of size 1 have index 0.
 * @throws RangeError where there are too many.
 */
export function unflattenIndex(
  flat: Expression,
  shape: readonly number[],
  name: (e: Expression) => Expression,
): readonly Expression[] {
  requireCountable(shape);
  return shape.map((size, axis) => {
    if (size === 1) return '0';
    const inner = countElements(shape.slice(axis + 1));
    const above = divideIndex(flat, inner);
    const outermost = shape.slice(0, axis).every((other) => other === 1);
    return outermost ? name(above) : name(moduloIndex(above, size));
  });
}

/**
 * The index in `from` of the element that is at `index` in `to`, two shapes of the same elements. Axes that both
 * have are passed through; only groups of axes that really change are divided.
 */
export function reshapeIndex(
  index: readonly Expression[],
  to: readonly number[],
  from: readonly number[],
  name: (e: Expression) => Expression,
): readonly Expression[] {
  const result: Expression[] = [];
  let [a, b] = [0, 0];
  while (a < to.length || b < from.length) {
    const [startA, startB] = [a, b];
    let [sizeA, sizeB] = [to[a++] ?? 1, from[b++] ?? 1];
    while (sizeA !== sizeB) {
      if (sizeA < sizeB) sizeA *= to[a++]!;
      else sizeB *= from[b++]!;
    }
    const groupTo = to.slice(startA, a);
    const groupFrom = from.slice(startB, b);
    if (groupFrom.length === 0) continue;
    const flat = flattenIndex(index.slice(startA, a), groupTo);
    result.push(...(groupFrom.length === 1 ? [flat] : unflattenIndex(name(flat), groupFrom, name)));
  }
  return result;
}

/** An element picked by an index that the data give; not-a-number where there is none, so that it cannot go unseen. */
export function pickedElement(place: Expression, size: number, element: Expression): Expression {
  const nothing = `((${place} - ${place}) / (${place} - ${place}))`;
  return `(${place} >= 0 && ${place} < ${size} ? ${element} : ${nothing})`;
}

/** The index in an input of `shape` that is broadcast to the output's shape. */
export function broadcastIndex(
  index: readonly Expression[],
  shape: readonly number[],
): readonly Expression[] {
  const own = index.slice(index.length - shape.length);
  return own.map((place, axis) => (shape[axis] === 1 ? '0' : place));
}
