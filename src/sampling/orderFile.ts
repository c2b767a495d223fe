import { InputError } from '../errors.js';
import { readJsonFile } from '../jsonFile.js';
import { isPermutation, rasterOrder } from './order.js';

/**
 * What `--order` names: `random`, raster order, or the order in a JSON file.
 * @throws InputError when the file does not hold each position once.
 */
export function readOrder(name: string, positions: number): 'random' | readonly number[] {
  if (name === 'random') return name;
  if (name === 'raster') return rasterOrder(positions);
  const value = readJsonFile(name);
  if (!isPermutation(value, positions))
    throw new InputError(
      `${name}: not an order: it must be a JSON array with each position from 0 to ${positions - 1} once`,
    );
  return value;
}
