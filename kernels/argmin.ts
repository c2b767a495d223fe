import { defineExtremum } from './families/extremum.js';

/** Index of the smallest element along an axis, which is dropped. */
export const argmin = defineExtremum('argmin', 'ArgMin', (candidate, best) => candidate < best, '<');
