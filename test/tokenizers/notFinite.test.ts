import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openTokenizer } from '../../src/models/modelFolder.js';
import { InputError } from '../../src/errors.js';
import { readFloats, storedFloats, type Weights } from '../../src/graph/weights.js';
import { createTokenizer } from '../../src/tokenizers/tokenizer.js';
import { TESTED_TARGETS } from '../support/conformance.js';
import { indexCodes } from '../support/codes.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

describe('a tokenizer whose weights are not finite', () => {
  const model = openTokenizer(tiny);
  const { weights } = model;
  /** The weights with one element of a tensor replaced. */
  const damaged = (name: string, value: number): Weights => {
    const stored = weights.get(name)!;
    const values = Float32Array.from(readFloats(stored));
    values[0] = value;
    return new Map(weights).set(name, storedFloats(stored.shape, values));
  };
  const attempt = async (own: Weights, target: (typeof TESTED_TARGETS)[number]) => {
    const tokenizer = createTokenizer({ ...model, weights: own }, target);
    const side = tokenizer.factor * 2;
    const image = { width: side, height: side, data: new Uint8Array(side * side * 3).fill(100) };
    const failures = [tokenizer.encode(image), tokenizer.decode(indexCodes([0, 1, 2, 3]))].map((run) =>
      run.then(
        () => 'none',
        (error: Error) => {
          expect(error).to.be.instanceOf(InputError);
          return error.message;
        },
      ),
    );
    const messages = await Promise.all(failures);
    await tokenizer.dispose();
    return messages;
  };

  for (const target of TESTED_TARGETS.slice(0, 2))
    it(`gives neither tokens nor pictures on ${target.name}`, async () => {
      for (const value of [Number.NaN, Infinity]) {
        const [codes, picture] = await attempt(damaged('quantize.embedding.weight', value), target);
        expect(codes).to.include("the tokenizer's codes are not finite");
        expect(picture).to.include("the decoded picture's values are not finite");
        const [latents] = await attempt(damaged('encoder.conv_in.weight', value), target);
        expect(latents).to.include("the tokenizer's latents are not finite");
        const [, decoded] = await attempt(damaged('decoder.conv_out.bias', value), target);
        expect(decoded).to.include("the decoded picture's values are not finite");
      }
      expect(await attempt(weights, target)).to.deep.equal(['none', 'none']);
    });
});
