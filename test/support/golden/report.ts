import type { GroupResult, Outcome } from './checklist.js';

/** More keys than this are counted instead of listed. */
const MAX_LISTED = 20;

const scientific = (value: number): string => (value === 0 ? '0' : value.toExponential(1));

/** Whether a group's numbers lie within their tolerance. */
export function isWithin({ error, limit }: GroupResult): boolean {
  return error <= limit;
}

/** Whether all that was asked for was checked, and lies within its tolerance. */
export function hasPassed({ groups, unchecked }: Outcome): boolean {
  return groups.every(isWithin) && unchecked.length === 0;
}

/** The lines about a set: one for each group, one for each key that was not checked, and what it comes to. */
export function describeOutcome(name: string, target: string, outcome: Outcome): readonly string[] {
  const { groups, unchecked, checked } = outcome;
  const width = Math.max(0, ...groups.map(({ group }) => group.length));
  const lines = groups.map((result) => {
    const { group, error, limit, worst, fault } = result;
    const columns = [
      name,
      group.padEnd(width),
      scientific(error).padStart(8),
      `≤ ${scientific(limit)}`.padEnd(9),
    ];
    const verdict = isWithin(result) ? 'ok' : `WRONG: ${worst}${fault === undefined ? '' : `: ${fault}`}`;
    return [...columns, verdict].join('  ');
  });
  const listed = unchecked.slice(0, MAX_LISTED).map((key) => `${name}  ${key}  NOT CHECKED`);
  const more = unchecked.length - listed.length;
  const wrong = groups.filter((result) => !isWithin(result)).length;
  return [
    ...lines,
    ...listed,
    ...(more > 0 ? [`${name}  ${more} more keys  NOT CHECKED`] : []),
    `${name} on ${target}: ${checked} keys checked, ${unchecked.length} not; ${groups.length} groups, ${wrong} wrong`,
  ];
}
