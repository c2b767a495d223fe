/**
 * Dimensions of a tensor: a plain number, or a polynomial with integer coefficients over named symbols
 * (`batch`, `past + content`, `16*height`). Polynomials keep shape arithmetic exact while a graph is built
 * for sizes that are only known when it runs.
 */
export type Dim = number | SymbolicDim;

/** The size of each axis, outermost first. */
export type Shape = readonly Dim[];

/** Values of the symbols of a graph at run time. */
export type DimBindings = Readonly<Record<string, number>>;

const SYMBOL = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CONSTANT_TERM = '';

/**
 * An immutable polynomial. Terms are keyed by their symbols joined by `*` in alphabetical order; two dims are
 * the same exactly when their `text` is the same.
 */
export class SymbolicDim {
  readonly terms: ReadonlyMap<string, number>;
  readonly text: string;

  constructor(terms: ReadonlyMap<string, number>) {
    this.terms = terms;
    this.text = formatTerms(terms);
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

function formatTerms(terms: ReadonlyMap<string, number>): string {
  const keys = [...terms.keys()].sort((a, b) =>
    a === CONSTANT_TERM ? 1 : b === CONSTANT_TERM ? -1 : a < b ? -1 : 1,
  );
  return keys
    .map((key, index) => {
      const coefficient = terms.get(key)!;
      const magnitude = Math.abs(coefficient);
      const body = key === CONSTANT_TERM ? String(magnitude) : magnitude === 1 ? key : `${magnitude}*${key}`;
      const sign = coefficient < 0 ? '-' : '+';
      return index === 0 ? (coefficient < 0 ? `-${body}` : body) : ` ${sign} ${body}`;
    })
    .join('');
}

/**
 * A named dimension whose size is given when the graph runs.
 * @throws TypeError when the name is not an identifier.
 */
export function dim(name: string): SymbolicDim {
  if (!SYMBOL.test(name)) throw new TypeError(`a dimension's name must be an identifier, not '${name}'`);
  return new SymbolicDim(new Map([[name, 1]]));
}

function termsOf(value: Dim): ReadonlyMap<string, number> {
  return typeof value === 'number' ? new Map(value === 0 ? [] : [[CONSTANT_TERM, value]]) : value.terms;
}

function fromTerms(terms: Map<string, number>): Dim {
  for (const [key, coefficient] of terms) if (coefficient === 0) terms.delete(key);
  if (terms.size === 0) return 0;
  const constant = terms.get(CONSTANT_TERM);
  return terms.size === 1 && constant !== undefined ? constant : new SymbolicDim(terms);
}

/** Sum of two dimensions. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const sum = new Map(termsOf(a));
  for (const [key, coefficient] of termsOf(b)) sum.set(key, (sum.get(key) ?? 0) + coefficient);
  return fromTerms(sum);
}

function scaleDim(value: SymbolicDim, factor: number): Dim {
  if (factor === 1) return value;
  return fromTerms(new Map([...value.terms].map(([key, coefficient]) => [key, coefficient * factor])));
}

/** Product of two dimensions. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  // Adding 0 turns -0 into 0.
  if (typeof a === 'number') return typeof b === 'number' ? a * b + 0 : scaleDim(b, a);
  if (typeof b === 'number') return scaleDim(a, b);
  const product = new Map<string, number>();
  for (const [keyA, coefficientA] of termsOf(a)) {
    for (const [keyB, coefficientB] of termsOf(b)) {
      const key = [...keyA.split('*'), ...keyB.split('*')]
        .filter((symbol) => symbol !== '')
        .sort()
        .join('*');
      product.set(key, (product.get(key) ?? 0) + coefficientA * coefficientB);
    }
  }
  return fromTerms(product);
}

/** `a - b`. */
export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1));
}

/**
 * `floor(a / divisor)` for a positive integer divisor.
 * @throws RangeError when a symbolic term is not a multiple of the divisor, so that the result is no polynomial.
 */
export function floorDivideDim(a: Dim, divisor: number): Dim {
  if (typeof a === 'number') return Math.floor(a / divisor);
  const quotient = new Map<string, number>();
  for (const [key, coefficient] of termsOf(a)) {
    if (key !== CONSTANT_TERM && coefficient % divisor !== 0)
      throw new RangeError(`${formatDim(a)} is not known to be divisible by ${divisor}`);
    quotient.set(key, Math.floor(coefficient / divisor));
  }
  return fromTerms(quotient);
}

/**
 * `a / b` where it is exact: for numbers, and for polynomials that share the divisor's terms
 * (`batch*height*4 / (batch*2)`).
 * @returns undefined when the quotient is not a polynomial.
 */
export function divideDimExactly(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === 'number' && typeof b === 'number')
    return b === 0 ? (a === 0 ? 1 : undefined) : a % b === 0 ? a / b + 0 : undefined;
  const divisor = termsOf(b);
  if (divisor.size !== 1) return equalDims(a, b) ? 1 : undefined;
  const [[divisorKey, divisorCoefficient]] = [...divisor] as [[string, number]];
  const quotient = new Map<string, number>();
  for (const [key, coefficient] of termsOf(a)) {
    if (coefficient % divisorCoefficient !== 0) return undefined;
    const symbols = key === CONSTANT_TERM ? [] : key.split('*');
    for (const symbol of divisorKey === CONSTANT_TERM ? [] : divisorKey.split('*')) {
      const at = symbols.indexOf(symbol);
      if (at < 0) return undefined;
      symbols.splice(at, 1);
    }
    quotient.set(symbols.join('*'), coefficient / divisorCoefficient);
  }
  return fromTerms(quotient);
}

/** Whether two dimensions are equal for every value of their symbols. */
export function equalDims(a: Dim, b: Dim): boolean {
  return typeof a === 'number' || typeof b === 'number' ? a === b : a.text === b.text;
}

/** Whether two shapes have equal dimensions. */
export function equalShapes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => equalDims(size, b[axis]!));
}

/** Number of elements of a shape. */
export function elementCount(shape: Shape): Dim {
  return shape.reduce(multiplyDims, 1);
}

/** Number of elements of a shape without symbols. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The symbols that a dimension mentions. */
export function symbolsOf(value: Dim): readonly string[] {
  if (typeof value === 'number') return [];
  return [
    ...new Set([...value.terms.keys()].flatMap((key) => (key === CONSTANT_TERM ? [] : key.split('*')))),
  ];
}

/**
 * The dimension's size once its symbols are known.
 * @throws RangeError when a symbol has no value.
 */
export function evaluateDim(value: Dim, bindings: DimBindings): number {
  if (typeof value === 'number') return value;
  let total = 0;
  for (const [key, coefficient] of value.terms) {
    const symbols = key === CONSTANT_TERM ? [] : key.split('*');
    total += symbols.reduce((product, symbol) => {
      const size = bindings[symbol];
      if (size === undefined) throw new RangeError(`dimension '${symbol}' has no value`);
      return product * size;
    }, coefficient);
  }
  return total;
}

/** The dimension with the symbols in it replaced that have a value. */
export function substituteDim(value: Dim, bindings: DimBindings): Dim {
  if (typeof value === 'number') return value;
  return [...value.terms].reduce<Dim>((sum, [key, coefficient]) => {
    const symbols = key === CONSTANT_TERM ? [] : key.split('*');
    const factors = symbols.map((symbol): Dim => bindings[symbol] ?? dim(symbol));
    return addDims(sum, factors.reduce(multiplyDims, coefficient));
  }, 0);
}

/** The shape's sizes once their symbols are known. */
export function evaluateShape(shape: Shape, bindings: DimBindings): readonly number[] {
  return shape.map((size) => evaluateDim(size, bindings));
}

/** Text of a dimension, as in `2*batch + 1`. */
export function formatDim(value: Dim): string {
  return String(value);
}

/** Text of a shape, as in `[batch, 4, 16]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.map(formatDim).join(', ')}]`;
}

/** Longer than any real dimension; each term costs as much as those before it together. */
const MAX_DIM_TEXT = 1000;

/**
 * Reads what `formatDim` writes.
 * @throws SyntaxError on any other text.
 */
export function parseDim(text: string): Dim {
  if (text.length > MAX_DIM_TEXT) throw new SyntaxError('a dimension is written in too many terms');
  const plain = text.replace(/\s+/g, '');
  const terms = plain.match(/[+-]?[^+-]+/g);
  if (terms?.join('') !== plain) throw new SyntaxError(`'${text}' is not a dimension`);
  return terms.reduce<Dim>((sum, term) => {
    const match = /^([+-]?)(.+)$/.exec(term)!;
    const factors = match[2]!.split('*').map((factor): Dim => {
      if (/^\d+$/.test(factor)) return Number(factor);
      if (SYMBOL.test(factor)) return dim(factor);
      throw new SyntaxError(`'${text}' is not a dimension`);
    });
    return addDims(sum, factors.reduce(multiplyDims, match[1] === '-' ? -1 : 1));
  }, 0);
}

/**
 * Finds the values of a shape's symbols from the sizes that an input really has, adding to what is known.
 * @throws RangeError when the sizes contradict the shape or a known value; the message names the axis.
 */
export function bindShape(shape: Shape, sizes: readonly number[], known: DimBindings): DimBindings {
  if (shape.length !== sizes.length)
    throw new RangeError(`expected ${shape.length} axes ${formatShape(shape)}, got ${formatShape(sizes)}`);
  const bindings: Record<string, number> = { ...known };
  for (const [axis, expected] of shape.entries()) {
    const size = sizes[axis]!;
    const unknown = symbolsOf(expected).filter((symbol) => bindings[symbol] === undefined);
    if (unknown.length === 1) {
      const symbol = unknown[0]!;
      const offset = evaluateDim(expected, { ...bindings, [symbol]: 0 });
      const slope = evaluateDim(expected, { ...bindings, [symbol]: 1 }) - offset;
      const solution = (size - offset) / slope;
      if (Number.isInteger(solution) && solution >= 0) bindings[symbol] = solution;
    }
    const unresolved = symbolsOf(expected).some((symbol) => bindings[symbol] === undefined);
    if (unresolved || evaluateDim(expected, bindings) !== size)
      throw new RangeError(
        `axis ${axis} has size ${size}, which does not fit ${formatDim(expected)} of ${formatShape(shape)}`,
      );
  }
  return bindings;
}
