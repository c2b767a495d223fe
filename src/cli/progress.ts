import { SingleBar } from 'cli-progress';
import { progressLine } from './progressLine.js';
import { oneLine, setStatusLine } from './terminal.js';
import { watchTime } from './timeLeft.js';

/** Terminals that do not tell their width. */
const USUAL_WIDTH = 80;

/** A progress bar on stderr; silent unless stderr is a terminal. */
export interface Progress {
  /**
   * @param done how much of the total is done; fractions count for the bar and the time left
   * @param values of what the unit names in braces
   */
  update(done: number, values?: Readonly<Record<string, string>>): void;
  stop(): void;
}

const SILENT: Progress = { update() {}, stop() {} };

/**
 * Starts a bar.
 * @param title what is being done
 * @param total the value of `done` at the end
 * @param unit what is counted; may name values in braces that updates give
 */
export function startProgress(title: string, total: number, unit: string, enabled: boolean): Progress {
  if (!enabled || !process.stderr.isTTY) return SILENT;
  const time = watchTime(total);
  const name = oneLine(title);
  let values: Readonly<Record<string, string>> = {};
  const filled = () => unit.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '…');
  const bar = new SingleBar({
    stream: process.stderr,
    format: (_, { value, progress }) =>
      progressLine(
        {
          title: name,
          share: progress,
          count: `${Math.floor(value)}/${total}`,
          unit: filled(),
          secondsLeft: time.at(performance.now()),
        },
        process.stderr.columns || USUAL_WIDTH,
      ),
    // Whatever ends the program, the cursor is there.
    hideCursor: false,
    clearOnComplete: true,
    stopOnComplete: false,
  });
  bar.start(total, 0);
  setStatusLine(true);
  // A program that is stopped leaves no half line behind.
  const stop = () => {
    bar.stop();
    setStatusLine(false);
  };
  process.once('exit', stop);
  return {
    update: (done, given = {}) => {
      values = { ...values, ...given };
      time.update(done, performance.now());
      bar.update(Math.min(done, total));
    },
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}
