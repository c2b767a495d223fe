import { encodePicture, type RgbImage } from '../index.js';
import type { DrawStep } from './draw.js';
import type { StepObject } from './wire.js';

/** A preview that is so many milliseconds late gives way to newer ones, so that drawing is not held up by showing. */
const LATE_MILLISECONDS = 250;
/** Larger previews are packed with loss, which is much faster. */
const EXACT_PIXELS = 256 * 256;

/** Bytes as a data URL. */
export function dataUrl(bytes: Uint8Array, encoding: string): string {
  return `data:image/${encoding};base64,${Buffer.from(bytes).toString('base64')}`;
}

async function packed(image: RgbImage): Promise<string> {
  const encoding = image.width * image.height > EXACT_PIXELS ? 'webp' : 'png';
  return dataUrl(await encodePicture(image, 3, encoding), encoding);
}

/** Shows steps in their order while drawing goes on. */
export class Previews {
  private readonly waiting: { readonly step: DrawStep; readonly since: number }[] = [];
  private readonly counts = new Map<number, number>();
  private work: Promise<void> | undefined;
  private failure: unknown;
  private readonly show: (step: StepObject) => void;
  private readonly signal: AbortSignal;

  /** @param signal nothing is shown any more when it aborts */
  constructor(show: (step: StepObject) => void, signal: AbortSignal) {
    this.show = show;
    this.signal = signal;
  }

  add(step: DrawStep): void {
    this.waiting.push({ step, since: performance.now() });
    this.work ??= this.showAll().catch((error: unknown) => {
      this.failure ??= error;
    });
  }

  /** Waits until all steps are shown. @throws what making a preview failed with. */
  async finished(): Promise<void> {
    await this.work;
    if (this.failure !== undefined) throw this.failure;
  }

  private async showAll(): Promise<void> {
    for (;;) {
      const next = this.waiting.shift();
      if (next === undefined || this.signal.aborted) break;
      const { picture, done, total, preview } = next.step;
      const step = (this.counts.get(picture) ?? 0) + 1;
      this.counts.set(picture, step);
      const isLate = this.waiting.length > 0 && performance.now() - next.since > LATE_MILLISECONDS;
      this.show({ picture, step, done, total, preview: isLate ? null : await packed(await preview()) });
    }
    this.work = undefined;
  }
}
