/** The best of many, while what they are worth changes. */
export interface Tournament {
  /** Takes note that what this one is worth has changed. */
  update(entrant: number): void;
  /** The best of all; of equals, one with a lower number. */
  best(): number;
}

/**
 * A tree of matches between entrants 0 to `count − 1`, so that a change costs only the matches up to the top.
 * @param count at least 1
 * @param isBetter whether the first is better than the second
 */
export function createTournament(
  count: number,
  isBetter: (entrant: number, other: number) => boolean,
): Tournament {
  const leaves = 2 ** Math.ceil(Math.log2(count));
  // The winners of the matches; match n is between the winners of 2n and 2n + 1, and −1 is nobody.
  const winners = new Int32Array(2 * leaves).fill(-1);
  for (let entrant = 0; entrant < count; entrant++) winners[leaves + entrant] = entrant;
  const play = (match: number): void => {
    const [first, second] = [winners[2 * match]!, winners[2 * match + 1]!];
    winners[match] = second >= 0 && isBetter(second, first) ? second : first;
  };
  for (let match = leaves - 1; match > 0; match--) play(match);
  return {
    update(entrant) {
      for (let match = (leaves + entrant) >> 1; match > 0; match >>= 1) play(match);
    },
    best: () => winners[1]!,
  };
}
