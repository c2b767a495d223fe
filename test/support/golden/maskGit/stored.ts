import { InputError } from '../../../../src/errors.js';
import { type HostTensor, intTensor } from '../../../../src/targets/target.js';
import type { MaskedSubject, PictureStep } from './maskedRun.js';

/** Rows of integers as a table. */
export const table = (rows: readonly ArrayLike<number>[]): HostTensor =>
  intTensor(
    [rows.length, rows[0]!.length],
    rows.flatMap((row) => Array.from(row)),
  );

export const list = (values: readonly number[]): HostTensor => intTensor([values.length], values);

/** Entry of a table of two axes, or the entries of a third. */
export function at({ shape, data }: HostTensor, row: number, entry: number): ArrayLike<number> {
  const [, entries, width = 1] = shape as [number, number, number?];
  const start = (row * entries + entry) * width;
  return data.subarray(start, start + width);
}

/** Stored tensors of each step, read as they are asked for; those that there are count as checked. */
export function perStep({ checklist }: MaskedSubject, prefix: string, steps: number) {
  const stored = Array.from({ length: steps }, (_, step) => {
    const key = `${prefix}.${step}`;
    return checklist.has(key) ? checklist.feed(key) : undefined;
  });
  return (step: number): HostTensor => {
    const own = stored[step];
    if (!own) throw new InputError(`the numbers lack '${prefix}.${step}'`);
    return own;
  };
}

export const allOf = (positions: number): readonly number[] =>
  Array.from({ length: positions }, (_, at) => at);

/** Codes after a step, from what was fed, drawn and taken. */
export function codesAfter(fed: Int32Array, { draws, taken }: PictureStep): Int32Array {
  const after = fed.slice();
  for (const position of taken) after[position] = draws.get(position)!.code;
  return after;
}
