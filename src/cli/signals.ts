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

/** The first signal that asks the program to stop, for work that ends well then. */
export interface FirstStopSignal {
  /** Aborts when the signal comes. */
  readonly signal: AbortSignal;
  /** Takes the first signal, which would end the program; the next ends it. Once is enough. */
  listen(): void;
  /** The signal that came; undefined before. */
  heard(): StopSignal | undefined;
}

/** Lets work end well on the first signal to stop, from when it listens; whoever can't wait for it asks again. */
export function firstStopSignal(): FirstStopSignal {
  const controller = new AbortController();
  let heard: StopSignal | undefined;
  let isListening = false;
  return {
    signal: controller.signal,
    heard: () => heard,
    listen() {
      if (isListening) return;
      isListening = true;
      for (const signal of STOP_SIGNALS) {
        const [end] = process.listeners(signal) as (() => void)[];
        process.removeAllListeners(signal);
        process.once(signal, () => {
          heard = signal;
          controller.abort();
          if (end) process.once(signal, end);
        });
      }
    },
  };
}
