import { type FilterScratch, filterScratch } from './filter.js';
import { type RaceScratch, raceScratch } from './pickToken.js';

/** Memory for drawing tokens of one vocabulary. */
export interface DrawScratch {
  /** `[vocabulary]`: the logits that a token is drawn from. */
  readonly tempered: Float32Array;
  readonly filter: FilterScratch;
  readonly race: RaceScratch;
}

let last: DrawScratch | undefined;

/**
 * Memory for drawing one token: the same for each of a vocabulary, so that none is asked for with every token. Whoever
 * uses it must be done with it before anybody else runs.
 */
export function drawScratch(vocabulary: number): DrawScratch {
  if (last?.tempered.length !== vocabulary)
    last = {
      tempered: new Float32Array(vocabulary),
      filter: filterScratch(vocabulary),
      race: raceScratch(vocabulary),
    };
  return last;
}
