import { type HostTensor, intTensor } from '../targets/target.js';

/** Rows of equal length as an i32 tensor `[rows, length]`. */
export function intTable(rows: readonly (readonly number[])[]): HostTensor {
  return intTensor([rows.length, rows[0]!.length], rows.flat());
}
