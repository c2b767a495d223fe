import { expect } from 'chai';

/** A complete event of a Chrome trace; times in microseconds. */
export interface CompleteEvent {
  readonly ph: 'X';
  readonly name: string;
  readonly cat: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** The complete events of a trace in the JSON object format; each must have all that the format asks for. */
export function completeEvents(json: string): readonly CompleteEvent[] {
  const { traceEvents } = JSON.parse(json) as { readonly traceEvents: readonly CompleteEvent[] };
  const events = traceEvents.filter(({ ph }) => ph === 'X');
  for (const { name, pid, tid, ts, dur, args } of events) {
    expect(name).to.be.a('string');
    for (const number of [pid, tid, ts, dur]) expect(number).to.be.at.least(0);
    expect(args).to.be.an('object');
  }
  return events;
}

/** Times are rounded to a thousandth of a microsecond. */
const ROUNDING = 0.01;

/** Any two events of a thread follow or contain each other. */
export function expectNested(events: readonly CompleteEvent[]): void {
  for (const tid of new Set(events.map((event) => event.tid))) {
    const open: number[] = [];
    const own = events.filter((event) => event.tid === tid).toSorted((a, b) => a.ts - b.ts || b.dur - a.dur);
    for (const { name, ts, dur } of own) {
      while (open.length > 0 && open.at(-1)! <= ts + ROUNDING) open.pop();
      expect(ts + dur, `the end of ${name}`).to.be.at.most((open.at(-1) ?? Infinity) + ROUNDING);
      open.push(ts + dur);
    }
  }
}

/** Whether one event lies in the time of another. */
export function contains(outer: CompleteEvent, inner: CompleteEvent): boolean {
  return inner.ts >= outer.ts - ROUNDING && inner.ts + inner.dur <= outer.ts + outer.dur + ROUNDING;
}
