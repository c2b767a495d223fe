import type { CodesForm, TokenGrid, Tokens } from '../codes.js';

/** One image's variants, `[variants, positions]`, vectors with an axis of channels more. */
export interface TokenImage {
  /** What messages call it. */
  readonly source: string;
  readonly classId: number;
  readonly variants: number;
  /** Tokens or vectors of a variant. */
  readonly positions: number;
  readonly tokens: ArrayLike<number>;
  /** Of the numbers of vectors. */
  readonly deviations?: ArrayLike<number>;
  /** What tells the picture that it was made of from others; undefined where it is the only one of its picture. */
  readonly picture?: string;
}

/** The images of a data set, the names of its classes as far as they are known, and what was chosen. */
export interface TokenData {
  readonly form: CodesForm;
  readonly images: readonly TokenImage[];
  readonly names?: ReadonlyMap<number, string>;
  /** Rows and columns of every image, where the data name them. */
  readonly grid?: TokenGrid;
  readonly notes?: readonly string[];
}

/** Numbers of an image of so many positions. */
export function numbersOf(form: CodesForm, positions: number): number {
  return positions * (form.kind === 'vectors' ? form.channels : 1);
}

/** Room for numbers of such codes. */
export function tokenRoom(form: CodesForm, length: number): Tokens {
  return form.kind === 'vectors' ? new Float32Array(length) : new Int32Array(length);
}
