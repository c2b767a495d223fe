import { SingleBar } from 'cli-progress';
import { oneLine } from './terminal.js';

/** A name in a bar; braces would stand for values. */
const barText = (text: string) => oneLine(text).replace(/[{}]/g, '');

/** A progress bar on stderr; silent unless stderr is a terminal. */
export interface Progress {
  /**
   * @param done how much of the total is done
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
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${barText(title)} {bar} {value}/{total} ${unit} | {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    // Whatever ends the program, the cursor is there.
    hideCursor: false,
    clearOnComplete: true,
    stopOnComplete: false,
  });
  bar.start(total, 0, { loss: '…', rate: '…' });
  // A program that is stopped leaves no half line behind.
  const stop = () => bar.stop();
  process.once('exit', stop);
  return {
    update: (done, values = {}) => bar.update(done, values),
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}
