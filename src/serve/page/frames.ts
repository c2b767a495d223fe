/** Milliseconds for which a frame is shown at least, and all of a drawing together. */
const FRAME_MILLISECONDS = 55;
const ALL_MILLISECONDS = 1800;

const wait = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

/** Shows frames one after the other, slowly enough that they are seen. */
export interface Frames {
  /** @param total how many frames there are in all, as far as is known */
  add(show: () => void | Promise<void>, total: number): void;
  /** Waits until all are shown. */
  finished(): Promise<void>;
  /** Shows no more. */
  stop(): void;
}

export function createFrames(): Frames {
  let work = Promise.resolve();
  let isStopped = false;
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  return {
    add(show, total) {
      const pause = isStill ? 0 : Math.min(FRAME_MILLISECONDS, ALL_MILLISECONDS / Math.max(1, total));
      work = work.then(async () => {
        if (isStopped) return;
        await show();
        await wait(pause);
      });
    },
    finished: () => work,
    stop: () => {
      isStopped = true;
    },
  };
}
