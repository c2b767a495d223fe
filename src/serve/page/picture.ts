import { contextOf, element } from './dom.js';
import type { Mask } from './maskModel.js';

/** A picture that is worked on: its file as it came, and its pixels. */
export interface Picture {
  readonly blob: Blob;
  readonly pixels: ImageBitmap;
  readonly width: number;
  readonly height: number;
  /** For the file's name when it is downloaded. */
  readonly name: string;
}

/** Pixels as they are, without a change of colours. */
const AS_IS = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' } as const;

export const blobOf = async (dataUrl: string): Promise<Blob> => {
  const [head, body] = dataUrl.split(',');
  const bytes = Uint8Array.from(atob(body ?? ''), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: /^data:([^;]+)/.exec(head ?? '')?.[1] ?? 'image/png' });
};

export const bitmapOf = (blob: Blob): Promise<ImageBitmap> => createImageBitmap(blob, AS_IS);

export async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  // In parts, since functions take a limited number of arguments.
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; start += 8192)
    parts.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  return btoa(parts.join(''));
}

const pngOf = (canvas: HTMLCanvasElement): Promise<Blob> =>
  new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('the picture cannot be packed'))),
      'image/png',
    ),
  );

/**
 * Opens a picture file; one with more pixels than the server takes is scaled down.
 * @throws Error when it is none.
 */
export async function openPicture(blob: Blob, name: string, maxPixels: number): Promise<Picture> {
  const pixels = await bitmapOf(blob).catch(() => {
    throw new Error('this is no picture that the browser can read; use PNG, JPEG or WebP');
  });
  const scale = Math.sqrt(maxPixels / (pixels.width * pixels.height));
  if (scale >= 1) return { blob, pixels, width: pixels.width, height: pixels.height, name };
  const canvas = element('canvas');
  canvas.width = Math.floor(pixels.width * scale);
  canvas.height = Math.floor(pixels.height * scale);
  const context = contextOf(canvas);
  context.imageSmoothingQuality = 'high';
  context.drawImage(pixels, 0, 0, canvas.width, canvas.height);
  const smaller = await pngOf(canvas);
  return openPicture(smaller, name, maxPixels);
}

/** A mask as a PNG, white where it is drawn. */
export function maskPng({ width, height, data }: Mask): Promise<Blob> {
  const canvas = element('canvas');
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  const colours = new Uint32Array(pixels.data.buffer);
  for (let pixel = 0; pixel < colours.length; pixel++) colours[pixel] = data[pixel] ? 0xffffffff : 0xff000000;
  contextOf(canvas).putImageData(pixels, 0, 0);
  return pngOf(canvas);
}
