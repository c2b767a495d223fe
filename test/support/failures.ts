import { expect } from 'chai';
import { InputError } from '../../src/errors.js';

/** Expects bad input to be refused in one line with these words. */
export async function expectInputError(
  attempt: Promise<unknown>,
  ...words: readonly string[]
): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(InputError);
  const { message } = error as InputError;
  for (const word of words) expect(message).to.include(word);
  expect(message).to.not.match(/\n|undefined|is not a function|Cannot read/);
}
