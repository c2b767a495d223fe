import type { Grid } from './rotary.js';

/** Regions along a side of a grid that is cut into so many, which is a square number. */
export function regionRoot(regions: number): number {
  return Math.round(Math.sqrt(regions));
}

/**
 * The order of PAR (docs/SYSTEMS.md, PAR network): the grid is cut into regions, as many along both sides; first come the top left
 * tokens of all regions, then, place by place, one token of each.
 * @param regions a square number, whose root divides both sides of the grid
 * @returns raster positions
 */
export function regionOrder({ height, width }: Grid, regions: number): readonly number[] {
  const along = regionRoot(regions);
  const [rows, columns] = [height / along, width / along];
  return Array.from({ length: height * width }, (_, element) => {
    const [place, region] = [Math.floor(element / regions), element % regions];
    const row = Math.floor(region / along) * rows + Math.floor(place / columns);
    const column = (region % along) * columns + (place % columns);
    return row * width + column;
  });
}

/**
 * Which group of PAR's attention each slot of the sequence is in: up to the first token of the last region each slot is one
 * by itself, then there are as many to a group as there are regions.
 */
export function slotGroups(slots: number, regions: number): readonly number[] {
  return Array.from({ length: slots }, (_, slot) =>
    slot < regions ? slot : regions - 1 + Math.floor(slot / regions),
  );
}

/**
 * The row of the RoPE table for each slot of PAR's whole sequence: the class, the first tokens, the special entries, the other
 * tokens. Tokens have the row of their place; the others that of the class, which turns by nothing.
 * @param order raster positions in PAR's order
 */
export function slotRows(order: readonly number[], regions: number): readonly number[] {
  const rows = order.map((position) => position + 1);
  return [0, ...rows.slice(0, regions), ...Array<number>(regions - 1).fill(0), ...rows.slice(regions)];
}
