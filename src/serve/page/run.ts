import type { PictureObject } from '../wire.js';
import type { Api, DrawKind } from './api.js';
import { byId } from './dom.js';
import { createFrames } from './frames.js';
import { bitmapOf, blobOf } from './picture.js';
import type { Stage } from './stage.js';

/** What came of a drawing. */
export interface Drawn {
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
  readonly pictures: readonly PictureObject[];
}

/**
 * Asks the server to draw and shows each step; slowly enough that quick models are seen to draw.
 * @throws ServerFailure, and what the signal aborts with
 */
export async function runDrawing(
  api: Api,
  stage: Stage,
  kind: DrawKind,
  body: object,
  signal: AbortSignal,
): Promise<Drawn> {
  const status = byId('status', HTMLElement);
  const progress = byId('progress', HTMLProgressElement);
  const frames = createFrames();
  const pictures: PictureObject[] = [];
  let start = { seed: 0, steps: 1, count: 1, width: 1, height: 1 };
  let seconds = 0;
  let tiles: (ImageBitmap | undefined)[] = [];
  progress.hidden = false;
  progress.removeAttribute('value');
  status.textContent = 'Asking the server…';
  try {
    for await (const { name, data } of api.draw(kind, body, signal)) {
      if (name === 'queued') status.textContent = `Waiting: ${data.ahead} before this one`;
      if (name === 'start') {
        start = data;
        tiles = new Array<undefined>(data.count).fill(undefined);
        status.textContent = 'Drawing…';
      }
      if (name === 'step') {
        const { picture, done, total, preview } = data;
        if (preview === null) continue;
        frames.add(async () => {
          tiles[picture] = await bitmapOf(await blobOf(preview));
          if (signal.aborted) return;
          stage.showMany(tiles, start);
          progress.value = (Math.floor(picture / 4) * 4 + done / total) / Math.max(1, start.count);
          if (start.count === 1) progress.value = done / total;
          status.textContent = `Drawing: ${done} of ${total} tokens`;
        }, start.steps * start.count);
      }
      if (name === 'picture') pictures.push(data);
      if (name === 'done') seconds = data.seconds;
      if (name === 'error') throw new Error(data.error.message);
    }
    await frames.finished();
    signal.throwIfAborted();
    if (pictures.length === 0) throw new Error('the server ended without a picture');
    return { ...start, seconds, pictures };
  } finally {
    frames.stop();
    progress.hidden = true;
  }
}
