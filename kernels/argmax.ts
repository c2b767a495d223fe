import { defineExtremum } from './families/extremum.js';

/** Index of the largest element along an axis, which is dropped. */
export const argmax = defineExtremum('argmax', 'ArgMax', (candidate, best) => candidate > best, '>');
