import {
  confidenceCounts,
  type Counts,
  haltonCounts,
  remaskedCounts,
  remaskedShare,
  v1Counts,
} from '../../../../src/sampling/maskedSteps/counts.js';
import { haltonOrder } from '../../../../src/sampling/maskedSteps/halton.js';
import { floatTensor, intTensor } from '../../../../src/targets/target.js';
import type { AskedKey, Checklist } from '../checklist.js';
import { originalSchedule } from './cases.js';

const list = (values: readonly number[]) => intTensor([values.length], values);

/** Tokens that each step adds. */
export const addedBy = (counts: readonly number[]): readonly number[] =>
  counts.map((after, step) => after - (counts[step - 1] ?? 0));

/** Checks tables of counts, which are named `….<schedule>.<side>.<steps>`, or by side and steps alone. */
function replayCounts(
  checklist: Checklist,
  group: string,
  pattern: RegExp,
  counts: Counts,
  form: (counts: readonly number[]) => readonly number[] = (own) => own,
): void {
  for (const { key, name } of checklist.asked(pattern)) {
    const parts = name.split('.');
    const [side, steps] = parts.slice(-2).map(Number) as [number, number];
    const schedule = parts.slice(0, -2).join('.') || 'arccos';
    checklist.compare('indices', group, key, list(form(counts(side ** 2, steps, schedule))));
  }
}

/** Splits `<method>.<number>`, of which the method may hold a dot. */
function methodAndNumber({ name }: AskedKey): readonly [string, number] {
  const cut = name.lastIndexOf('.');
  return [originalSchedule(name.slice(0, cut)), Number(name.slice(cut + 1))];
}

/** Checks the counts, the orders and the schedules of all samplers. */
export function replayTables(checklist: Checklist): void {
  replayCounts(
    checklist,
    'schedule.confidence',
    /^schedule\.confidence\.([\w.]+\.\d+\.\d+)$/,
    confidenceCounts,
  );
  replayCounts(checklist, 'schedule.halton', /^schedule\.halton\.(\d+\.\d+)$/, haltonCounts);
  replayCounts(checklist, 'v1.schedule', /^v1\.schedule\.([\w.]+\.\d+\.\d+)$/, v1Counts, addedBy);
  for (const { key, name } of checklist.asked(/^halton\.(\d+)$/)) {
    const side = Number(name);
    const places = haltonOrder({ height: side, width: side }).flatMap((position) => [
      Math.floor(position / side),
      position % side,
    ]);
    checklist.compare('indices', 'halton', key, intTensor([side * side, 2], places));
  }
  for (const { key, name } of checklist.asked(/^google\.mask_len\.(\d+\.\d+)$/)) {
    const [positions, steps] = name.split('.').map(Number) as [number, number];
    checklist.compare('indices', 'google.mask_len', key, list(remaskedCounts(positions, steps, 'cosine')));
  }
  const schedules = checklist.asked(/^google\.schedule\.((?:[a-z]+|pow[\d.]+)\.\d+)$/);
  if (schedules.length === 0) return;
  const { shape, data } = checklist.feed('google.schedule.ratio');
  for (const asked of schedules) {
    const [method, positions] = methodAndNumber(asked);
    const shares = Array.from(data, (ratio) => remaskedShare(method, ratio, positions));
    checklist.compare('shares', 'google.schedule', asked.key, floatTensor(shape, shares));
  }
}
