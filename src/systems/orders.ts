import type { Grid } from '../../graphs/rotary.js';
import { randomOrder } from '../sampling/order.js';
import type { Purpose } from '../random/draws.js';
import type { SystemDrawing } from './system.js';

/** `random`, or raster positions in the order to sample. */
export type OrderChoice = 'random' | readonly number[];

/**
 * The order of one picture: the one that was chosen, else the system's own, else one drawn for the picture.
 * @param index number of the picture under the seed
 */
export function orderOf(
  { fixedOrder }: Pick<SystemDrawing<object>, 'fixedOrder'>,
  config: object,
  grid: Grid,
  chosen: OrderChoice | undefined,
  seed: number,
  index: number,
  purpose: Purpose = 'order',
): readonly number[] {
  const random = () => randomOrder(grid.height * grid.width, seed, index, purpose);
  if (chosen === 'random') return random();
  return chosen ?? fixedOrder?.(config, grid) ?? random();
}
