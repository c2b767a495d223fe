import { randomOrder } from '../sampling/order.js';

/** Draws examples without replacement, in an order of its own in each pass over the data. */
export interface DataOrder {
  /** Indices of the examples of a step, counted from 1. Depends on nothing but the step. */
  batch(step: number): readonly number[];
}

/**
 * The order of `count` examples under a seed. A batch may reach from one pass into the next.
 * @throws RangeError when there are no examples.
 */
export function dataOrder(count: number, batchSize: number, seed: number): DataOrder {
  if (count < 1) throw new RangeError('there are no examples');
  let known = { pass: -1, order: [] as readonly number[] };
  const orderOf = (pass: number): readonly number[] => {
    if (known.pass !== pass) known = { pass, order: randomOrder(count, seed, pass, 'data') };
    return known.order;
  };
  return {
    batch(step) {
      const first = (step - 1) * batchSize;
      return Array.from({ length: batchSize }, (_, offset) => {
        const place = first + offset;
        return orderOf(Math.floor(place / count))[place % count]!;
      });
    },
  };
}
