import { mkdirSync, writeFileSync } from 'node:fs';
import { encodePng } from '../../src/data/image.js';

/** Two classes of small pictures: horizontal and vertical stripes in colours of their own. */
export function writeStripes(folder: string, count: number): void {
  for (const label of ['across', 'down']) {
    mkdirSync(`${folder}/${label}`, { recursive: true });
    for (let index = 0; index < count; index++) {
      const data = new Uint8Array(16 * 16 * 3);
      for (let pixel = 0; pixel < 256; pixel++) {
        const along = label === 'across' ? Math.floor(pixel / 16) : pixel % 16;
        const lit = Math.floor((along + index) / 4) % 2 === 0;
        data.set(lit ? [250, 40 + 20 * (index % 8), 30] : [20, 30, 120 + 10 * (index % 8)], pixel * 3);
      }
      writeFileSync(`${folder}/${label}/${index}.png`, encodePng({ width: 16, height: 16, data }));
    }
  }
}
