import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** What was measured of pictures that were drawn one way. */
export interface DrawnRecord {
  readonly kind: 'drawn';
  /** Of the contender. */
  readonly name: string;
  readonly passes: number;
  /** The steps that were asked for: a number, or the system's own. */
  readonly asked: number | 'own';
  /** Whether ARPG's tokens of a step saw those before them alone, as in training. */
  readonly causal: boolean;
  /** Share in which the classifier sees the class asked for. */
  readonly accuracy: number;
  /** Fréchet distance from the held-out digits, by the features that come with arpg. */
  readonly fid: number;
  readonly samples: number;
}

/** What was measured of a network itself. */
export interface NetworkRecord {
  readonly kind: 'network';
  readonly name: string;
  readonly parameters: number;
  /** Of held-out digits, in its tokenizer's tokens; left out where none is defined. */
  readonly bitsPerToken?: number;
}

/** What real digits come to, as they are or through a tokenizer. */
export interface RealRecord {
  readonly kind: 'real';
  /** Of a tokenizer; `pixels` for digits as they are. */
  readonly name: string;
  readonly accuracy: number;
  readonly fid: number;
  readonly samples: number;
}

export type EqualRecord = DrawnRecord | NetworkRecord | RealRecord;

/** What tells a record from others. */
export function keyOf(record: EqualRecord): string {
  const { kind, name } = record;
  return record.kind === 'drawn'
    ? `${kind} ${name} ${record.asked}${record.causal ? ' causal' : ''}`
    : `${kind} ${name}`;
}
/** The records of a file of JSON lines; a line that was cut off is left out. */
export function readRecords(file: string): readonly EqualRecord[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as EqualRecord);
}

/** Measures what a file does not hold yet, and adds it there. */
export async function recordOnce<R extends EqualRecord>(
  file: string,
  key: string,
  measure: () => Promise<R>,
): Promise<R> {
  const known = readRecords(file).find((record) => keyOf(record) === key);
  if (known) return known as R;
  const record = await measure();
  // After a line that was cut off a new one begins.
  const isWhole = !existsSync(file) || /(^|\n)$/.test(readFileSync(file, 'utf8'));
  appendFileSync(file, `${isWhole ? '' : '\n'}${JSON.stringify(record)}\n`);
  return record;
}
