import { spawn } from 'node:child_process';
import type { Combination, Measurement } from './measure.js';
import type { RoundResult } from './rounds.js';

/** The hidden flag with which the program measures one combination and prints it. */
export const COMBINATION_FLAG = 'combination';

/** Longest part of a message that says why a measurement failed. */
const MAX_REASON = 300;

/** Why a process came to no result: the last line it printed, or how it ended. */
function reasonOf(errors: string, code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL') return 'its process was killed, as systems do when memory runs out';
  const line = errors
    .split('\n')
    .map((own) => own.trim())
    .filter((own) => own !== '')
    .at(-1);
  const reason = line?.replace(/^arpg: /, '') ?? `its process ended with ${signal ?? `code ${String(code)}`}`;
  return reason.slice(0, MAX_REASON);
}

/** What a process printed, if it is a measurement. */
function parseMeasurement(output: string): Measurement | undefined {
  try {
    return JSON.parse(output) as Measurement;
  } catch {
    return undefined;
  }
}

/**
 * Measures a combination in a process of its own, which ends with this one. Nothing compiled is kept from one to the next.
 * @param program arguments of Node.js that start this program
 */
export function measureApart(combination: Combination, program: readonly string[]): Promise<RoundResult> {
  const args = [...program, 'bench', `--${COMBINATION_FLAG}`, JSON.stringify(combination)];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ARPG_COMPILE_CACHE: '0' },
    });
    const stop = () => void child.kill('SIGKILL');
    process.once('exit', stop);
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const end = (result: RoundResult) => {
      process.off('exit', stop);
      resolve(result);
    };
    child.on('error', (error) => end({ reason: `no process can be started: ${error.message}` }));
    child.on('close', (code, signal) => {
      const measured = code === 0 ? parseMeasurement(output) : undefined;
      end(measured ? { measured } : { reason: reasonOf(errors, code, signal) });
    });
  });
}
