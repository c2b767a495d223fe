import { type Contender, CONTENDERS } from './contenders.js';
import type { DrawnRecord, EqualRecord, NetworkRecord, RealRecord } from './records.js';

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |\n`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [head, head.map(() => '---'), ...rows].map(row).join('');

const ofKind = <R extends EqualRecord>(records: readonly EqualRecord[], kind: R['kind']): readonly R[] =>
  records.filter((record): record is R => record.kind === kind);
/** The records of contenders in the order of these. */
const inOrder = <R extends EqualRecord>(
  records: readonly R[],
): readonly (R & Pick<Contender, 'title' | 'tokens'>)[] =>
  CONTENDERS.flatMap(({ name, title, tokens }) =>
    records.filter((record) => record.name === name).map((record) => ({ ...record, title, tokens })),
  );
const percent = (share: number) => (100 * share).toFixed(1);

/** Sizes, and what networks say of digits that no training saw. */
export function networkTable(records: readonly EqualRecord[]): string {
  return table(
    ['network', 'parameters', 'tokens', 'bits a token'],
    inOrder(ofKind<NetworkRecord>(records, 'network')).map((own) => [
      own.title,
      `${(own.parameters / 1e6).toFixed(3)} M`,
      own.tokens,
      own.bitsPerToken?.toFixed(3) ?? '',
    ]),
  );
}

/** How samples are by passes a picture, the fewest first; under ARPG's step mask as rows of their own. */
export function qualityTable(records: readonly EqualRecord[]): string {
  const drawn = inOrder(ofKind<DrawnRecord>(records, 'drawn'));
  const passes = [...new Set(drawn.map((own) => own.passes))].sort((a, b) => a - b);
  const names = [...new Set(drawn.map(lineOf))];
  return table(
    ['recognised, % / Fréchet distance', ...passes.map((count) => `${count} passes`)],
    names.map((name) => [
      name,
      ...passes.map((count) => {
        const own = drawn.find((each) => lineOf(each) === name && each.passes === count);
        return own ? `${percent(own.accuracy)} / ${own.fid.toFixed(1)}` : '';
      }),
    ]),
  );
}

/** What a record's row and line are called. */
export function lineOf({ title, causal }: Pick<DrawnRecord, 'causal'> & { readonly title: string }): string {
  return causal ? `${title}, causal steps` : title;
}

/** The records of samples in lines, each by passes. */
export function linesOf(
  records: readonly EqualRecord[],
): ReadonlyMap<string, readonly Pick<DrawnRecord, 'passes' | 'accuracy' | 'fid'>[]> {
  const drawn = inOrder(ofKind<DrawnRecord>(records, 'drawn'));
  return new Map(
    [...new Set(drawn.map(lineOf))].map((name) => [
      name,
      drawn.filter((own) => lineOf(own) === name).toSorted((a, b) => a.passes - b.passes),
    ]),
  );
}

const REAL: Readonly<Record<string, string>> = {
  pixels: 'digits of the training set',
  vq: 'the same through the shared tokenizer',
  'multi-scale': "the same through VAR's",
  kl: "the same through MAR's",
};

/** What real digits come to beside the held-out ones. */
export function realTable(records: readonly EqualRecord[]): string {
  const real = ofKind<RealRecord>(records, 'real');
  return table(
    ['beside held-out digits', 'recognised, %', 'Fréchet distance'],
    Object.entries(REAL).flatMap(([name, title]) =>
      real
        .filter((own) => own.name === name)
        .map(({ accuracy, fid }) => [title, percent(accuracy), fid.toFixed(1)]),
    ),
  );
}
