import { ApiError } from './apiError.js';

/** A place in a queue, held from before a request is read until its work is done. */
export interface Place {
  /**
   * Waits for its turn and does the work; alone, one after the other.
   * @param signal ends the waiting with its reason; the work itself must heed it
   * @param onWait hears how many are before it, once, when it must wait
   */
  run<T>(signal: AbortSignal, work: () => Promise<T>, onWait?: (ahead: number) => void): Promise<T>;
  /** Gives the place up; once is enough. */
  leave(): void;
}

/** Seconds that a request takes before any was done. */
const FIRST_GUESS = 1;
/** How much the newest request counts in the mean. */
const NEWEST_SHARE = 0.2;
const MAX_RETRY_AFTER = 300;

/** Work of which one piece is done at a time, in the order in which it came, and of which so much may wait at most. */
export class WorkQueue {
  private places = 0;
  private readonly turns: (() => void)[] = [];
  private isBusy = false;
  private meanSeconds = FIRST_GUESS;
  private idle: (() => void)[] = [];
  private readonly limit: number;

  /** @param limit places, of what is done and what waits */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** How many places are taken, of which one may be at work. */
  get taken(): number {
    return this.places;
  }

  get capacity(): number {
    return this.limit;
  }

  /** @throws ApiError 429 that says when to come again, when all places are taken. */
  enter(): Place {
    if (this.places >= this.limit) {
      const seconds = Math.min(MAX_RETRY_AFTER, Math.max(1, Math.ceil(this.meanSeconds * this.places)));
      throw new ApiError(429, `the queue of ${this.limit} is full; ask again in ${seconds} s`, {
        ...{ code: 'queue_full', retryAfter: seconds },
      });
    }
    this.places++;
    let isLeft = false;
    const leave = () => {
      if (isLeft) return;
      isLeft = true;
      this.places--;
      if (this.places > 0) return;
      for (const done of this.idle.splice(0)) done();
    };
    return {
      leave,
      run: async (signal, work, onWait) => {
        try {
          await this.turn(signal, onWait);
          try {
            return await this.timed(signal, work);
          } finally {
            this.next();
          }
        } finally {
          leave();
        }
      },
    };
  }

  /** Waits until all places are free. */
  async drained(): Promise<void> {
    if (this.places > 0) await new Promise<void>((done) => this.idle.push(done));
  }

  private async timed<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    const seconds = (performance.now() - start) / 1000;
    if (!signal.aborted) this.meanSeconds += NEWEST_SHARE * (seconds - this.meanSeconds);
    return result;
  }

  private async turn(signal: AbortSignal, onWait?: (ahead: number) => void): Promise<void> {
    signal.throwIfAborted();
    if (!this.isBusy) {
      this.isBusy = true;
      return;
    }
    onWait?.(this.turns.length + 1);
    await new Promise<void>((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const stop = () => {
        this.turns.splice(this.turns.indexOf(start), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', stop, { once: true });
      this.turns.push(start);
    });
  }

  private next(): void {
    const start = this.turns.shift();
    if (start) start();
    else this.isBusy = false;
  }
}
