import { philoxInto } from './philox.js';
import { philoxProgram } from './philoxProgram.js';

/** How many words a run has. */
export const RUN_WORDS = 64;
const WORDS_PER_COUNTER = 4;

/**
 * Writes the words of counters that follow each other.
 * @param c0 first word of the first counter; it grows by one with each, and
 * @param c1 the others stay
 * @param k0 the key's two words
 * @returns `[RUN_WORDS]`, the same array with every call
 */
export type PhiloxRun = (
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
) => Uint32Array;

/** What is used of WebAssembly, which the types of Node.js leave out. */
interface WebAssemblyLibrary {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: {
      readonly run: (...numbers: Parameters<PhiloxRun>) => void;
      readonly memory: { readonly buffer: ArrayBuffer };
    };
  };
}

/** @throws where WebAssembly, or its vectors, are missing or not allowed. */
export function compiledPhiloxRun(): PhiloxRun {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyLibrary };
  const { run, memory } = new WebAssembly.Instance(new WebAssembly.Module(philoxProgram(RUN_WORDS))).exports;
  const words = new Uint32Array(memory.buffer, 0, RUN_WORDS);
  return (c0, c1, c2, c3, k0, k1) => {
    run(c0, c1, c2, c3, k0, k1);
    return words;
  };
}

/** The same, several times slower, for wherever there is no WebAssembly. */
export function plainPhiloxRun(): PhiloxRun {
  const words = new Uint32Array(RUN_WORDS);
  const counters = Array.from({ length: RUN_WORDS / WORDS_PER_COUNTER }, (_, counter) =>
    words.subarray(counter * WORDS_PER_COUNTER, (counter + 1) * WORDS_PER_COUNTER),
  );
  return (c0, c1, c2, c3, k0, k1) => {
    for (let counter = 0; counter < counters.length; counter++)
      philoxInto(counters[counter]!, c0 + counter, c1, c2, c3, k0, k1);
    return words;
  };
}

let chosen: PhiloxRun | undefined;

/** The faster one that works here; all callers share its array. */
export function philoxRun(): PhiloxRun {
  if (chosen) return chosen;
  try {
    chosen = compiledPhiloxRun();
  } catch {
    chosen = plainPhiloxRun();
  }
  return chosen;
}
