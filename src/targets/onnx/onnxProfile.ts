import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { OutputError, systemReason } from '../../errors.js';
import { reportLate, reportSpan, type Span } from '../../inspect/observer.js';

/** An event of onnxruntime's own profile; times in microseconds since the session began. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** What is kept of an event's facts; the others are about memory pools and threads. */
const KEPT_ARGUMENTS = ['op_name', 'provider', 'node_index', 'input_type_shape', 'output_type_shape'];
/** What onnxruntime appends to a node's name. */
const NODE_SUFFIX = /_kernel_time$/;
const MICROSECONDS = 1e3;

/** onnxruntime's profile of one session, which lies in a folder of its own until it is reported. */
export class OnnxProfile {
  private readonly folder: string;
  /** When the session began, and when each run did. */
  private readonly created: number;
  private readonly runs: number[] = [];
  private session: InferenceSession | undefined;
  private readonly takeBack: () => void;

  /** @throws OutputError where there is no room for temporary files. */
  constructor() {
    try {
      this.folder = mkdtempSync(join(tmpdir(), 'arpg-profile-'));
    } catch (error) {
      throw new OutputError(`${tmpdir()}: cannot be written: ${systemReason(error)}`, error);
    }
    this.created = performance.now();
    this.takeBack = reportLate(() => this.finish());
  }

  get settings(): InferenceSession.SessionOptions {
    return { enableProfiling: true, profileFilePrefix: join(this.folder, 'session') };
  }

  /** To be called with the session once it is there. */
  started(session: InferenceSession): void {
    this.session = session;
  }

  /** To be called before each run. */
  runStarts(): void {
    this.runs.push(performance.now());
  }

  /** Reports what the session did, and removes its files. Called once, also where the session came to nothing. */
  finish(): void {
    this.takeBack();
    try {
      this.session?.endProfiling();
      const [file] = readdirSync(this.folder);
      if (this.session && file !== undefined)
        this.report(JSON.parse(readFileSync(join(this.folder, file), 'utf8')) as readonly ProfileEvent[]);
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  private report(events: readonly ProfileEvent[]): void {
    const runs = events.filter(({ name }) => name === 'model_run').sort((a, b) => a.ts - b.ts);
    // Nothing in the profile begins before the call that caused it: the latest such bound is the closest.
    const bounds = runs.map(({ ts }, index) => (this.runs[index] ?? this.created) - ts / MICROSECONDS);
    const offset = Math.max(this.created, ...bounds);
    for (const event of events) reportSpan(toSpan(event, offset));
  }
}

function toSpan({ name, pid, tid, ts, dur, args }: ProfileEvent, offset: number): Span {
  return {
    category: 'onnxruntime',
    name: name.replace(NODE_SUFFIX, ''),
    start: offset + ts / MICROSECONDS,
    duration: dur / MICROSECONDS,
    args: Object.fromEntries(KEPT_ARGUMENTS.flatMap((key) => (key in args ? [[key, args[key]]] : []))),
    // The thread that drives everything has the number of the process.
    ...(tid !== pid && { thread: `onnxruntime ${tid}` }),
  };
}
