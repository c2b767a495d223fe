import { floatTensor, type HostTensor, intTensor } from '../../../src/targets/target.js';
import type { GenerationCase } from './generationCase.js';
import type { GeneratorSubject } from './subject.js';

/** Passes side by side, `[rows, all positions, vocabulary]`. */
function sideBySide(passes: readonly HostTensor[]): HostTensor {
  const [rows, , width] = passes[0]!.shape as [number, number, number];
  const entries = passes.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const data = new Float32Array(rows * entries * width);
  let at = 0;
  for (let row = 0; row < rows; row++)
    for (const { shape, data: own } of passes) {
      const length = shape[1]! * width;
      data.set((own as Float32Array).subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  return floatTensor([rows, entries, width], data);
}

/** Compares the logits of all passes, which a set has as one tensor or pass by pass. */
export function compareLogits(
  { checklist }: GeneratorSubject,
  { id }: GenerationCase,
  logits: readonly HostTensor[],
): void {
  const group = `generate.${id}.raw_logits`;
  if (checklist.has(group)) checklist.compare('logits', group, group, sideBySide(logits), { part: true });
  for (const [pass, own] of logits.entries())
    if (checklist.has(`${group}.${pass}`))
      checklist.compare('logits', group, `${group}.${pass}`, own, { part: true });
}

/** Compares further outputs, by name and pass by pass. */
export function compareFurther(
  { checklist }: GeneratorSubject,
  { id }: GenerationCase,
  further: ReadonlyMap<string, readonly HostTensor[]>,
): void {
  for (const [name, passes] of further)
    for (const [pass, own] of passes.entries()) {
      const group = `generate.${id}.${name}`;
      if (checklist.has(`${group}.${pass}`)) checklist.compare('logits', group, `${group}.${pass}`, own);
    }
}

/** Compares the tokens, in raster order and in that of the case. */
export function compareTokens(
  { checklist }: GeneratorSubject,
  { id }: GenerationCase,
  order: readonly number[],
  tokens: readonly Int32Array[],
): void {
  const inOrder = tokens.map((own) => order.map((position) => own[position]!));
  for (const [name, rows] of [
    ['tokens', tokens.map((own) => Array.from(own))],
    ['sequence', inOrder],
  ] as const) {
    const key = `generate.${id}.${name}`;
    const shape = [rows.length, rows[0]!.length];
    if (checklist.has(key)) checklist.compare('indices', key, key, intTensor(shape, rows.flat()));
  }
}

/** Compares a list of the json. */
export function compareList(
  { checklist }: GeneratorSubject,
  key: string,
  actual: readonly number[],
  expected: readonly number[] | undefined,
): void {
  if (!expected || !checklist.asks(key)) return;
  const list = (values: readonly number[]) => intTensor([values.length], values);
  checklist.compareWith('indices', key, key, list(actual), list(expected));
}

/** Compares a list with the set's numbers. */
export function compareStored({ checklist }: GeneratorSubject, key: string, actual: readonly number[]): void {
  if (checklist.has(key)) checklist.compare('indices', key, key, intTensor([actual.length], actual));
}
