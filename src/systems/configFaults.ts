/** Six times the largest published network; more could be neither trained nor held in memory by what this program runs on. */
const MAX_PARAMETERS = 2 ** 33;

/** Bounds of a whole number in a configuration. */
export const positive = { type: 'integer', minimum: 1, maximum: 1 << 24 } as const;

/**
 * What is wrong with a network's sizes; undefined where nothing is.
 * @param parameters about how many it would have
 * @param fields names of the fields that make it so large
 */
export function faultOfParameters(parameters: number, fields: string): string | undefined {
  return parameters > MAX_PARAMETERS
    ? `its sizes (${fields}) ask for ${(parameters / 1e9).toFixed(1)} billion parameters, more than ${(MAX_PARAMETERS / 1e9).toFixed(1)}`
    : undefined;
}

/** What is wrong with the width of heads; undefined where nothing is. */
export function faultOfHeads(dim: number, heads: number): string | undefined {
  return dim % (4 * heads) === 0
    ? undefined
    : `dim ${dim} must be a multiple of 4·n_head = ${4 * heads}, so that 2-D RoPE has whole pairs`;
}

/** What is wrong with a number of tokens that should fill a square; undefined where nothing is. */
export function faultOfSquare(blockSize: number): string | undefined {
  return Number.isInteger(Math.sqrt(blockSize))
    ? undefined
    : `block_size ${blockSize} is not a square number`;
}
