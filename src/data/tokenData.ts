import type { TokenGrid } from './tokenLines.js';

/** One image's variants, `[variants, positions]`. */
export interface TokenImage {
  /** What messages call it. */
  readonly source: string;
  readonly classId: number;
  readonly variants: number;
  readonly positions: number;
  readonly tokens: ArrayLike<number>;
  /** What tells the picture that it was made of from others; undefined where it is the only one of its picture. */
  readonly picture?: string;
}

/** The images of a data set, the names of its classes as far as they are known, and what was chosen. */
export interface TokenData {
  readonly images: readonly TokenImage[];
  readonly names?: ReadonlyMap<number, string>;
  /** Rows and columns of every image, where the data name them. */
  readonly grid?: TokenGrid;
  readonly notes?: readonly string[];
}
