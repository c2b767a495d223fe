import { bilinear, type Resampling } from '../../../graphs/resampling.js';

/** A square map with its rows resampled, as rows again. */
function resampledRows(
  map: readonly (readonly number[])[],
  rows: Resampling,
): readonly (readonly number[])[] {
  return rows.map((weights) =>
    map[0]!.map((_, column) =>
      weights.reduce((sum, weight, row) => (weight === 0 ? sum : sum + weight * map[row]![column]!), 0),
    ),
  );
}

const turned = (map: readonly (readonly number[])[]): readonly (readonly number[])[] =>
  map[0]!.map((_, column) => map.map((row) => row[column]!));

/**
 * Which codes of a scale are kept: places that are kept by more than half. The only code of a scale always is.
 * @param keep of the finest map, in raster order: 1 where its codes are kept
 */
function keptAt(keep: ArrayLike<number>, whole: number, side: number): readonly boolean[] {
  if (side === 1) return [true];
  const map = Array.from({ length: whole }, (_, row) =>
    Array.from({ length: whole }, (_cell, column) => keep[row * whole + column]!),
  );
  const rows = bilinear(whole, side);
  return turned(resampledRows(turned(resampledRows(map, rows)), rows))
    .flat()
    .map((share) => share > 0.5);
}

/**
 * Which codes of all scales are kept, scale by scale (docs/SYSTEMS.md, VAR).
 * @param keep of the finest map, in raster order: 1 where the picture is kept
 * @param sides of the scales
 */
export function keptCodes(keep: ArrayLike<number>, sides: readonly number[]): Uint8Array {
  return Uint8Array.from(sides.flatMap((side) => keptAt(keep, sides.at(-1)!, side)).map(Number));
}
