import { expect } from 'chai';
import { nodesOf } from '../../src/graph/graph.js';
import { storedFloats, type Weights } from '../../src/graph/weights.js';
import { InputError } from '../../src/errors.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { decodeInStrips, wholeLevels } from '../../src/tokenizers/stripDecoder.js';
import { createTokenizer } from '../../src/tokenizers/tokenizer.js';
import { type OfficialVqConfig, vq } from '../../src/tokenizers/vq.js';
import { floats, ints } from '../support/conformance.js';
import type { IndexCodes } from '../../src/codes.js';
import { indexCodes } from '../support/codes.js';

const config: OfficialVqConfig = {
  codebook_size: 64,
  codebook_embed_dim: 4,
  ch: 32,
  ch_mult: [1, 1, 2],
  z_channels: 8,
  num_res_blocks: 1,
  image_size: 16,
};
const ROW_BYTES = 4 * 32;

/** Random weights of the decoder, about as large as trained ones. */
function randomWeights(): Weights {
  const parameters = nodesOf(vq.graphs(config).decoder()).flatMap((node) =>
    node.kind === 'parameter'
      ? [{ name: node.name, shape: node.outputs[0]!.shape as readonly number[] }]
      : [],
  );
  return new Map(
    parameters.map(({ name, shape }, seed) => {
      const fan = shape.slice(1).reduce((a, b) => a * b, 1);
      return [name, storedFloats(shape, floats(shape, seed, 1.5 / Math.sqrt(fan)).data as Float32Array)];
    }),
  );
}

function imageOf(height: number, width: number): IndexCodes {
  return indexCodes(ints([height * width], config.codebook_size).data, { height, width });
}

describe('decoding in strips', () => {
  const target = onnxTarget({ threads: 1 });
  const weights = randomWeights();
  const decoding = vq.strips!(config);

  for (const [height, width] of [
    [4, 4],
    [5, 3],
    [1, 6],
  ] as const)
    for (const [what, limits] of Object.entries({
      'the last level': { map: 4 * height * width * ROW_BYTES, strip: 5 * 4 * width * ROW_BYTES },
      'all levels but the first, row by row': { map: 0, strip: 1 },
      'one strip that is the whole map': { map: 0, strip: 2 ** 24 },
    }))
      it(`${what}, of ${height}×${width} tokens, is decoding as a whole`, async () => {
        const image = imageOf(height, width);
        const tokenizer = createTokenizer({ kind: vq, config, weights }, target);
        const whole = await tokenizer.decode(image);
        const strips = await decodeInStrips({ target, weights, decoding, limits }, image);
        expect([strips.width, strips.height]).to.deep.equal([4 * width, 4 * height]);
        expect(new Set(whole.data).size).to.be.above(30);
        // A value that rounding moves over the edge between two bytes is one off.
        for (const [place, value] of whole.data.entries()) expect(strips.data[place]).closeTo(value, 1);
        await tokenizer.dispose();
      });

  it('is for large maps alone', () => {
    const channels = vq.strips!(vq.presets['VQ-16']!).channels;
    expect(channels).to.deep.equal([512, 256, 256, 128, 128]);
    const levels = (side: number) => wholeLevels(channels, { height: side, width: side });
    expect([16, 32, 33, 45, 46, 90, 91, 128].map(levels)).to.deep.equal([5, 5, 4, 4, 3, 3, 2, 2]);
    expect(wholeLevels([512, 256], { height: 4096, width: 4096 })).to.equal(1);
  });

  it('refuses weights that give no finite numbers', async () => {
    const shape = [3] as const;
    const broken = new Map([
      ...weights,
      ['decoder.conv_out.bias', storedFloats(shape, Float32Array.of(0, NaN, 0))],
    ]);
    const limits = { map: 0, strip: 1 };
    const failure = await decodeInStrips({ target, weights: broken, decoding, limits }, imageOf(2, 2)).then(
      () => expect.fail('it was expected to fail'),
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(InputError);
  });
});
