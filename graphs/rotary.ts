import {
  add,
  broadcastTo,
  cast,
  concat,
  cos,
  exp,
  iota,
  multiply,
  pad,
  reshape,
  rope,
  scope,
  sin,
  type Tensor,
} from '../src/dsl/index.js';

/** Rows and columns of an image's tokens. */
export interface Grid {
  readonly height: number;
  readonly width: number;
}

/** Cosines and sines, `[1 + height·width, headDim/2]` each: row 0 is the class token's, then the grid in raster order. */
export interface RotaryTable {
  readonly cosines: Tensor;
  readonly sines: Tensor;
}

/** How a grid of another size than the trained one is turned. */
export const ROPE_SCALINGS = ['extend', 'interpolate'] as const;
/** `extend` goes on with the trained steps; `interpolate` shrinks them so that positions stay in the trained range. */
export type RopeScaling = (typeof ROPE_SCALINGS)[number];

/** What the table turns by one step along each axis, as a share of the trained step. */
function axisScales(grid: Grid, trained: Grid, scaling: RopeScaling): Grid {
  if (scaling === 'extend') return { height: 1, width: 1 };
  return { height: trained.height / grid.height, width: trained.width / grid.width };
}

/**
 * 2-D RoPE (docs/SYSTEMS.md, 2-D RoPE): the first half of the pairs turns by the row, the second half by the column, each by
 * position·base^(−2j/H) with H = headDim/2. The class token's entry is cos = sin = 0.
 * @param headDim a multiple of 4
 * @param from the trained grid and how to get from it to another (docs/SYSTEMS.md, 2-D RoPE)
 */
export function rotaryTable(
  grid: Grid,
  headDim: number,
  base: number,
  from: { readonly trained: Grid; readonly scaling: RopeScaling } = { trained: grid, scaling: 'extend' },
): RotaryTable {
  return scope('rope', () => {
    const frequencyCount = headDim / 4;
    const exponents = cast(iota(frequencyCount), 'f32');
    const frequencies = exp(multiply(exponents, (-2 * Math.log(base)) / (headDim / 2)));
    const scales = axisScales(grid, from.trained, from.scaling);
    const turns = (count: number, scale: number, shape: readonly number[]) => {
      const steps = reshape(cast(iota(count), 'f32'), shape);
      const places = scale === 1 ? steps : multiply(steps, scale);
      return broadcastTo(multiply(places, frequencies), [grid.height, grid.width, frequencyCount]);
    };
    const byRow = turns(grid.height, scales.height, [grid.height, 1, 1]);
    const byColumn = turns(grid.width, scales.width, [1, grid.width, 1]);
    const angles = reshape(concat([byRow, byColumn], -1), [grid.height * grid.width, headDim / 2]);
    const afterClass = (table: Tensor) => pad(table, [1, 0], [0, 0]);
    return { cosines: afterClass(cos(angles)), sines: afterClass(sin(angles)) };
  });
}

/** Rows of the table for tokens at these raster positions. */
export function rotaryIndex(positions: Tensor): Tensor {
  return add(positions, 1);
}

/** The row of the table for the class token. */
export const CLASS_ROTARY_INDEX = 0;

/** A table and, for each token, its row: i32 `[batch, tokens]`. */
export interface Rotary {
  readonly table: RotaryTable;
  readonly indices: Tensor;
}

/** Turns each head by its token's position: `[batch, heads, tokens, headDim]`. */
export function rotate(heads: Tensor, { table, indices }: Rotary): Tensor {
  return rope(heads, indices, table.cosines, table.sines);
}
