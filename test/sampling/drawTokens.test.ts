import { expect } from 'chai';
import { InputError, UsageError } from '../../src/errors.js';
import { tokenWords } from '../../src/random/draws.js';
import { drawTokens, temperedLogits } from '../../src/sampling/drawTokens.js';
import { filterLogits } from '../../src/sampling/filter.js';
import { pickToken } from '../../src/sampling/pickToken.js';
import type { SamplingOptions } from '../../src/sampling/request.js';
import { floatTensor } from '../../src/targets/target.js';
import { pictureOf } from '../support/arpg.js';
import { normalNumbers } from '../support/logits.js';

const options: SamplingOptions = {
  seed: 5,
  guidance: 4,
  guidanceSchedule: 'constant',
  temperature: 1,
  topK: 0,
  topP: 1,
};
const VOCABULARY = 200;
const logitsOf = (seed: number, deviation = 2) => normalNumbers(VOCABULARY, deviation, seed);

/** The definition, with each array rounded to float32. */
function tempered([own, without]: readonly Float32Array[], scale: number, temperature: number): Float32Array {
  const guided =
    without && scale !== 1
      ? own!.map((logit, token) => without[token]! + (logit - without[token]!) * scale)
      : own!.slice();
  return guided.map((logit) => logit / Math.max(temperature, 1e-5));
}

describe('the logits that a token is drawn from', () => {
  for (const temperature of [1, 0.7, 3, 1e-5, 0])
    it(`are guided, then divided by the temperature ${temperature}, bit by bit`, () => {
      for (const rows of [[logitsOf(1)], [logitsOf(1), logitsOf(2)]])
        for (const scale of [1, 1.1, 0, -3, 7.5]) {
          const into = new Float32Array(VOCABULARY);
          const actual = temperedLogits(rows, scale, { ...options, temperature }, 'step', into);
          expect(actual).to.equal(into);
          expect(actual).to.deep.equal(tempered(rows, scale, temperature));
        }
    });

  it('are refused where one is not finite, wherever that comes from', () => {
    const failureOf = (rows: readonly Float32Array[], scale: number, temperature = 1) => {
      try {
        temperedLogits(rows, scale, { ...options, temperature }, 'step 2', new Float32Array(VOCABULARY));
      } catch (error) {
        return error;
      }
      return undefined;
    };
    for (const value of [Number.NaN, Infinity, -Infinity])
      for (const token of [0, 77, VOCABULARY - 1]) {
        const broken = logitsOf(1).fill(value, token, token + 1);
        for (const rows of [[broken], [broken, logitsOf(2)], [logitsOf(2), broken]])
          expect(failureOf(rows, 2)).to.be.instanceOf(InputError);
      }
    expect(failureOf([logitsOf(1, 1e36), logitsOf(2)], 1e4)).to.be.instanceOf(UsageError);
    expect(failureOf([logitsOf(1, 1e36)], 1, 1e-4)).to.be.instanceOf(UsageError);
    expect(failureOf([logitsOf(1, 1e36)], 1, 1)).to.equal(undefined);
  });
});

describe('the tokens of a step', () => {
  it('are each drawn from their own rows with their own words, whatever the filters', () => {
    const rows = Array.from({ length: 12 }, (_, row) => logitsOf(row));
    const logits = floatTensor(
      [4, 3, VOCABULARY],
      rows.flatMap((row) => Array.from(row)),
    );
    const pictures = [{ ...pictureOf(0, 8, []), isRedrawn: true }, pictureOf(1, 9, [])];
    const positions = [
      [4, 0, 2],
      [1, 5, 3],
    ];
    for (const [topK, topP] of [
      [0, 1],
      [20, 1],
      [0, 0.8],
      [20, 0.8],
    ] as const)
      for (const guidance of [1, 4]) {
        const own = { ...options, topK, topP, guidance, temperature: 0.9 };
        const tokens = [new Int32Array(6).fill(-1), new Int32Array(6).fill(-1)];
        drawTokens(logits, pictures, positions, 3, tokens, own, 'step');
        for (const [picture, { index, isRedrawn }] of pictures.entries())
          for (const [query, position] of positions[picture]!.entries()) {
            const pair = guidance === 1 ? [0] : [0, 6];
            const from = tempered(
              pair.map((start) => rows[start + 3 * picture + query]!),
              3,
              0.9,
            );
            const words = tokenWords(5, index, position, isRedrawn ? 'redrawnToken' : 'token');
            expect(tokens[picture]![position]).to.equal(pickToken(filterLogits(from, own), words));
          }
      }
  });
});
