import { EXIT_CODES } from '../errors.js';

const SIGNAL_EXITS = {
  SIGINT: EXIT_CODES.interrupted,
  SIGTERM: EXIT_CODES.terminated,
  SIGHUP: EXIT_CODES.hungUp,
} as const;
export type StopSignal = keyof typeof SIGNAL_EXITS;

/** The signals that ask the program to stop. */
export const STOP_SIGNALS = Object.keys(SIGNAL_EXITS) as readonly StopSignal[];

/** The exit code of a program that such a signal ended, as shells have it. */
export function exitCodeOfSignal(signal: StopSignal): number {
  return SIGNAL_EXITS[signal];
}
