/** Work for so long goes on without a break; short enough for whoever waits for a signal to be heard. */
const BREATH_MILLISECONDS = 50;

let last = 0;

/**
 * Lets the process hear signals and timers in the middle of long work that is not asynchronous by itself. Costs nothing
 * while it is called more often than twenty times a second.
 */
export async function breathe(): Promise<void> {
  if (performance.now() - last < BREATH_MILLISECONDS) return;
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  last = performance.now();
}

/** The same things one after another, with room for signals between them. */
export async function* breathing<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await breathe();
    yield item;
  }
}
