import { run } from '@oclif/core';
import { EXIT_CODES } from '../errors.js';
import { removePartialOutput } from '../partialNames.js';
import { exitCodeOfSignal, STOP_SIGNALS } from './signals.js';
import { reportFailure } from './report.js';

for (const signal of STOP_SIGNALS)
  process.once(signal, () => {
    removePartialOutput();
    process.exit(exitCodeOfSignal(signal));
  });

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT_CODES.done : reportFailure(error));
});
// Nobody listens any more: what would be said there is not missed.
process.stderr.on('error', () => {});

// What a library throws where nothing waits for it ends in one line, too.
process.on('uncaughtException', (error) => {
  removePartialOutput();
  process.exit(reportFailure(error));
});

try {
  await run(process.argv.slice(2), import.meta.url);
} catch (error) {
  process.exitCode = reportFailure(error);
}
