import type { RgbImage } from '../data/image.js';
import { floatTensor, type HostTensor } from '../targets/target.js';

/**
 * 8-bit pixels `[height, width, 3]` of images of one size → `[images, 3, height, width]`.
 * @param value what stands for a byte
 */
export function pixelPlanes(images: readonly RgbImage[], value: (byte: number) => number): HostTensor {
  const { width, height } = images[0]!;
  const pixels = width * height;
  const values = new Float32Array(images.length * 3 * pixels);
  for (const [index, { data }] of images.entries()) {
    const start = index * 3 * pixels;
    for (let pixel = 0; pixel < pixels; pixel++)
      for (let channel = 0; channel < 3; channel++)
        values[start + channel * pixels + pixel] = value(data[pixel * 3 + channel]!);
  }
  return floatTensor([images.length, 3, height, width], values);
}

/** 8-bit pixels of images of one size, in [−1, 1]. */
export function imageSignal(images: readonly RgbImage[]): HostTensor {
  return pixelPlanes(images, (byte) => (byte / 255) * 2 - 1);
}

/** `[3, height, width]` → 8-bit pixels: clamp(127.5·x + 128, 0, 255), truncated (docs/SYSTEMS.md, VQ-16). */
export function signalPixels(signal: Float32Array, width: number, height: number): RgbImage {
  const pixels = width * height;
  const data = new Uint8Array(3 * pixels);
  for (let pixel = 0; pixel < pixels; pixel++)
    for (let channel = 0; channel < 3; channel++)
      data[pixel * 3 + channel] = Math.min(255, Math.max(0, 127.5 * signal[channel * pixels + pixel]! + 128));
  return { width, height, data };
}
