import type { Observer, Span } from './observer.js';

/** Spans kept, so that hours of training do not fill the memory. */
const MAX_SPANS = 1_000_000;
/** Clocks that count whole microseconds let a part seem to end so much later than the whole. */
const CLOCK_MICROSECONDS = 2;
const MAIN_THREAD = 'arpg';
const PROCESS_ID = 1;

/** A complete event of Chrome's trace format: times in microseconds. */
interface TraceEvent {
  readonly ph: 'X';
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly cat: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: Span['args'];
}

/** How a trace begins, by which it is told from other files. */
export const TRACE_BEGINNING = '{"displayTimeUnit":"ms","traceEvents":[';

/** Keeps what took how long. */
export class TraceRecorder implements Observer {
  private readonly spans: Span[] = [];
  private lost = 0;

  onSpan(span: Span): void {
    if (this.spans.length < MAX_SPANS) this.spans.push(span);
    else this.lost++;
  }

  /** Spans that came when there was no room any more. */
  get lostSpans(): number {
    return this.lost;
  }

  /**
   * What was kept in Chrome's trace format (JSON object), which chrome://tracing, Perfetto and speedscope show.
   * @yields pieces of the text
   */
  *json(): Generator<string> {
    const threads = new Map<string, Span[]>();
    for (const span of this.spans) {
      const { thread = MAIN_THREAD } = span;
      const own = threads.get(thread);
      if (own) own.push(span);
      else threads.set(thread, [span]);
    }
    let tid = 0;
    let separator = '\n';
    const line = (event: object) => {
      const text = `${separator}${JSON.stringify(event)}`;
      separator = ',\n';
      return text;
    };
    yield TRACE_BEGINNING;
    yield line(metadata('process_name', 0, MAIN_THREAD));
    for (const [thread, spans] of threads) {
      for (const lane of lanesOf(spans)) {
        tid++;
        yield line(metadata('thread_name', tid, thread));
        for (const event of lane) yield line({ ...event, tid });
      }
    }
    yield `\n],"otherData":{"lostSpans":${this.lost}}}\n`;
  }
}

function metadata(name: string, tid: number, value: string): object {
  return { ph: 'M', pid: PROCESS_ID, tid, name, args: { name: value } };
}

function toEvent({ category, name, start, duration, args }: Span): TraceEvent {
  const ts = Math.round(start * 1e6) / 1e3;
  return {
    ph: 'X',
    pid: PROCESS_ID,
    tid: 0,
    name,
    cat: category,
    ts,
    dur: Math.round(duration * 1e6) / 1e3,
    args,
  };
}

/** Events of which any two either follow or contain each other, and those that contain what comes next. */
interface Lane {
  readonly events: TraceEvent[];
  readonly open: { readonly start: number; readonly end: number }[];
}

/**
 * Spans of one thread as lists in which any two either follow or contain each other, which viewers need: work that
 * overlaps, as asynchronous work does, goes to a list of its own. What was started last is taken to contain what comes.
 */
function lanesOf(spans: readonly Span[]): readonly (readonly TraceEvent[])[] {
  const lanes: Lane[] = [];
  const events = spans.map(toEvent).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  for (const event of events) {
    const end = event.ts + event.dur;
    for (const { open } of lanes) while (open.length > 0 && open.at(-1)!.end <= event.ts) open.pop();
    const startOf = ({ open }: Lane) => open.at(-1)?.start ?? -1;
    const [fitting] = lanes
      .filter(({ open }) => open.length === 0 || end <= open.at(-1)!.end + CLOCK_MICROSECONDS)
      .sort((a, b) => startOf(b) - startOf(a));
    const lane = fitting ?? { events: [], open: [] };
    if (!fitting) lanes.push(lane);
    const latest = Math.min(end, lane.open.at(-1)?.end ?? end);
    lane.open.push({ start: event.ts, end: latest });
    lane.events.push(latest === end ? event : { ...event, dur: latest - event.ts });
  }
  return lanes.map((lane) => lane.events);
}
