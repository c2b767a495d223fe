import { intTensor, type HostTensor } from '../../../../src/targets/target.js';
import type { EditBox } from './sections.js';

/** The nearest whole number, the even one of two. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** What of the finest map is kept, `[side, side]`: the box where the rest is drawn, all but the box where that is. */
export function editMask({ y0, x0, y1, x1, inpainting }: EditBox, side: number): HostTensor {
  const [top, left, bottom, right] = [y0, x0, y1, x1].map((share) => roundHalfToEven(share * side)) as [
    number,
    number,
    number,
    number,
  ];
  const mask = Array.from({ length: side ** 2 }, (_, position) => {
    const [row, column] = [Math.floor(position / side), position % side];
    const isInside = row >= top && row < bottom && column >= left && column < right;
    return Number(isInside !== inpainting);
  });
  return intTensor([side, side], mask);
}
