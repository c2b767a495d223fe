import type { Grid } from '../../graphs/rotary.js';
import { randomOrder } from '../sampling/order.js';
import type { Purpose } from '../random/draws.js';
import type { SettingValues } from '../sampling/request.js';
import { filledSettings } from './settings.js';
import type { SystemDrawing } from './system.js';

/** `random`, or raster positions in the order to sample. */
export type OrderChoice = 'random' | readonly number[];

/** What an order that is drawn for a picture depends on. */
export interface OrderDraw {
  readonly seed: number;
  /** Number of the picture under the seed. */
  readonly index: number;
  /** `order` in new pictures, `redrawnOrder` where parts are drawn anew. */
  readonly purpose: Purpose;
}

/** What decides about orders beside the picture. */
interface OrderChoices {
  readonly order?: OrderChoice | undefined;
  readonly own?: SettingValues;
}

/** The order of one picture: the one that was chosen, else the system's own, else one drawn for the picture. */
export function orderOf(
  { ownOrder, settings }: Pick<SystemDrawing<object>, 'ownOrder' | 'settings'>,
  config: object,
  grid: Grid,
  { order, own }: OrderChoices,
  { seed, index, purpose = 'order' }: Omit<OrderDraw, 'purpose'> & Partial<OrderDraw>,
): readonly number[] {
  const random = () => randomOrder(grid.height * grid.width, seed, index, purpose);
  if (order === 'random') return random();
  return (
    order ?? ownOrder?.(config, grid, { seed, index, purpose }, filledSettings(settings, own)) ?? random()
  );
}
