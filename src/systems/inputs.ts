import type { Condition } from '../conditions/condition.js';
import type { Codes } from '../codes.js';
import { type HostTensor, intTensor } from '../targets/target.js';

/** Rows of equal length as an i32 tensor `[rows, length]`. */
export function intTable(rows: readonly (readonly number[])[]): HostTensor {
  return intTensor([rows.length, rows[0]!.length], rows.flat());
}

/** The indices of pictures as an i32 tensor `[pictures, tokens]`. */
export function indexTable(pictures: readonly { readonly codes: Codes }[]): HostTensor {
  return intTable(pictures.map(({ codes }) => Array.from(codes.tokens)));
}

/** The row of a condition in a table of as many classes, which the null class comes after. */
export function classRow(condition: Condition, classes: number): number {
  return condition.kind === 'class' ? condition.index : classes;
}
