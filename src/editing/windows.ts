import { type Box, type Canvas, DRAWN_FROM, maskedBox } from './canvas.js';

/** A masked part up to this share of a window is drawn in one, with what is known on both sides. */
const CENTRED_SHARE = 0.75;

/**
 * Places along one axis where windows of one size start, so that they cover a range and half a window around it, which
 * shows them what is known there, and overlap by half.
 */
function starts(from: number, length: number, size: number, total: number): readonly number[] {
  if (length <= size * CENTRED_SHARE) {
    const centred = from - Math.floor((size - length) / 2);
    return [Math.min(total - size, Math.max(0, centred))];
  }
  const half = Math.max(1, Math.floor(size / 2));
  const [begin, end] = [Math.max(0, from - half), Math.min(total, from + length + half)];
  const travel = end - begin - size;
  if (travel <= 0) return [Math.max(0, Math.min(begin, total - size))];
  const steps = Math.ceil(travel / half);
  return Array.from({ length: steps + 1 }, (_, index) => begin + Math.round((index * travel) / steps));
}

/**
 * The window to draw next: of those over the masked pixels, the one with most known pixels around what is to be drawn.
 * So drawing grows from what is known into what is not. A masked part that leaves room for what is known in one window is centred in it.
 * @param size of a window; the canvas is at least as large
 * @returns undefined when nothing is masked
 */
export function nextWindow(canvas: Canvas, size: number): Box | undefined {
  const box = maskedBox(canvas);
  if (!box) return undefined;
  const { width, height } = canvas.image;
  const candidates = starts(box.top, box.height, size, height).flatMap((top) =>
    starts(box.left, box.width, size, width).map((left) => ({ left, top, width: size, height: size })),
  );
  const scored = candidates.map((window) => ({ window, masked: maskedPixels(canvas, window) }));
  const open = scored.filter(({ masked }) => masked > 0);
  return open.reduce((best, next) => (next.masked < best.masked ? next : best)).window;
}

function maskedPixels({ image, mask }: Canvas, { left, top, width, height }: Box): number {
  let count = 0;
  for (let row = top; row < top + height; row++)
    for (let column = left; column < left + width; column++)
      if (mask[row * image.width + column]! >= DRAWN_FROM) count++;
  return count;
}
