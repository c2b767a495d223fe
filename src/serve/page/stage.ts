import { byId, contextOf } from './dom.js';
import type { Mask } from './maskModel.js';

/** Room around the picture, in which the handles lie. */
const MARGIN = 28;
/** Bytes of the mask's colour, as processors of this kind read them: alpha, blue, green, red. */
const MASK_COLOUR = 0xff782dff;

/** Pixels added on each side. */
export interface Sides {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export const NO_SIDES: Sides = { left: 0, top: 0, right: 0, bottom: 0 };

type Drawable = ImageBitmap | HTMLCanvasElement;

/** Where pictures are shown. */
export interface Stage {
  /** Shows a picture, with room on its sides. */
  show(picture: Drawable, sides?: Sides): void;
  /** Shows pictures of one size side by side; those that are not there yet are empty. */
  showMany(pictures: readonly (Drawable | undefined)[], size: { width: number; height: number }): void;
  /** Shows nothing. */
  clear(): void;
  /** Lays the picture of before over the shown one, or takes it away. */
  setBefore(picture: Drawable | undefined, sides?: Sides): void;
  /** How much of the width shows what was before, from 0 to 1. */
  setDivider(share: number): void;
  setMask(mask: Mask | undefined): void;
  /** Pixels of the screen for one of the picture. */
  scale(): number;
  /** Keeps the scale while borders are dragged. */
  holdScale(isHeld: boolean): void;
}

function drawAt(canvas: HTMLCanvasElement, picture: Drawable, { left, top, right, bottom }: Sides): void {
  canvas.width = picture.width + left + right;
  canvas.height = picture.height + top + bottom;
  contextOf(canvas).drawImage(picture, left, top);
}

/** The place of pictures on a sheet. */
export function tilesOf(count: number): { readonly columns: number; readonly rows: number } {
  const columns = Math.ceil(Math.sqrt(count));
  return { columns, rows: Math.ceil(count / columns) };
}

export function createStage(): Stage {
  const stage = byId('stage', HTMLElement);
  const sheet = byId('sheet', HTMLElement);
  const empty = byId('empty', HTMLElement);
  const picture = byId('picture', HTMLCanvasElement);
  const before = byId('before', HTMLCanvasElement);
  const mask = byId('mask', HTMLCanvasElement);
  const divider = byId('divider', HTMLElement);
  let scale = 1;
  let isHeld = false;

  const resize = () => {
    const { width, height } = picture;
    if (sheet.hidden || width === 0 || height === 0) return;
    if (!isHeld) {
      const most = Math.min(
        (stage.clientWidth - 2 * MARGIN) / width,
        (stage.clientHeight - 2 * MARGIN) / height,
      );
      // Whole screen pixels for each of a small picture look best.
      scale = most >= 2 ? Math.floor(most) : most;
    }
    sheet.classList.toggle('large', scale >= 2);
    sheet.style.width = `${width * scale}px`;
    sheet.style.height = `${height * scale}px`;
  };
  new ResizeObserver(resize).observe(stage);
  const reveal = () => {
    sheet.hidden = false;
    empty.hidden = true;
    resize();
  };
  return {
    show(shown, sides = NO_SIDES) {
      drawAt(picture, shown, sides);
      reveal();
    },
    showMany(pictures, { width, height }) {
      const { columns, rows } = tilesOf(pictures.length);
      const gap = pictures.length > 1 ? Math.max(1, Math.round(width / 32)) : 0;
      picture.width = columns * (width + gap) - gap;
      picture.height = rows * (height + gap) - gap;
      const context = contextOf(picture);
      for (const [index, own] of pictures.entries())
        if (own)
          context.drawImage(
            own,
            (index % columns) * (width + gap),
            Math.floor(index / columns) * (height + gap),
          );
      reveal();
    },
    clear() {
      sheet.hidden = true;
      empty.hidden = false;
    },
    setBefore(shown, sides = NO_SIDES) {
      before.hidden = shown === undefined;
      divider.hidden = true;
      if (shown) drawAt(before, shown, sides);
    },
    setDivider(share) {
      before.style.clipPath = `inset(0 ${(1 - share) * 100}% 0 0)`;
      divider.hidden = before.hidden || share === 0 || share === 1;
      divider.style.left = `calc(${share * 100}% - 1px)`;
    },
    setMask(own) {
      mask.hidden = own === undefined;
      if (!own) return;
      mask.width = own.width;
      mask.height = own.height;
      const pixels = new ImageData(own.width, own.height);
      const colours = new Uint32Array(pixels.data.buffer);
      for (let pixel = 0; pixel < colours.length; pixel++) if (own.data[pixel]) colours[pixel] = MASK_COLOUR;
      contextOf(mask).putImageData(pixels, 0, 0);
    },
    scale: () => scale,
    holdScale(held) {
      isHeld = held;
      resize();
    },
  };
}
