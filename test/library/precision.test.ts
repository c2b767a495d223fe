import { expect } from 'chai';
import { load, sampleTokens } from '../../src/index.js';

/** Eight pictures of every other class, some of none. */
const CLASSES = [0, 2, 4, null, 6, 8, 1, null];

describe('precision', () => {
  for (const precision of ['fp32', 'int8', 'int4'] as const)
    it(`${precision}: the digits model draws the same tokens alone, in threes and all at once`, async () => {
      const model = await load('digits', { target: 'onnx', threads: 2, precision });
      const draw = async (batch: number) => {
        const { pictures } = await sampleTokens(model, { classes: CLASSES, seed: 3, steps: 8, batch });
        return pictures.map(({ codes }) => codes.tokens.join());
      };
      const alone = await draw(1);
      for (const batch of [3, CLASSES.length])
        expect(await draw(batch), `batches of ${batch}`).to.deep.equal(alone);
      expect(new Set(alone).size).to.equal(CLASSES.length);
      await model.dispose();
    });

  it('makes a difference', async () => {
    const drawn: string[] = [];
    for (const precision of ['fp32', 'int8', 'int4'] as const) {
      const model = await load('digits', { target: 'onnx', threads: 2, precision });
      const { pictures } = await sampleTokens(model, { classes: [1, 2, 3, 4, 5, 6, 7, 8], seed: 3 });
      drawn.push(pictures.map(({ codes }) => codes.tokens.join()).join());
      await model.dispose();
    }
    expect(new Set(drawn).size).to.equal(3);
  });
});
