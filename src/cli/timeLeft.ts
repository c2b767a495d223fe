/** Tells how long the rest takes, from what was done in what time. */
export interface TimeLeft {
  /** @param done how much of the total is done; @param now in milliseconds */
  update(done: number, now: number): void;
  /** Seconds from now on; undefined as long as it cannot be told. */
  at(now: number): number | undefined;
}

/**
 * Starts to watch. The first piece of work takes much longer than the others, since things are loaded and compiled for it:
 * its time does not count, and the second tells.
 * @param total the value of `done` at the end
 */
export function watchTime(total: number): TimeLeft {
  let first: { readonly done: number; readonly time: number } | undefined;
  let last = { done: 0, time: 0 };
  return {
    update(done, now) {
      if (done <= last.done) return;
      last = { done, time: now };
      first ??= last;
    },
    at(now) {
      if (first === undefined || last.done === first.done) return undefined;
      const pace = (last.time - first.time) / (last.done - first.done);
      return Math.max(0, (pace * (total - last.done) - (now - last.time)) / 1000);
    },
  };
}
