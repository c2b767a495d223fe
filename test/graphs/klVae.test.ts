import { expect } from 'chai';
import { klAutoencoder, klDecoder, klEncoder } from '../../graphs/klVae.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { parametersOf } from '../../src/graph/graph.js';
import { readJsonFile } from '../../src/jsonFile.js';
import { parseTokenizerConfig } from '../../src/models/parseConfig.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { readFloats, storedFloats } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { klVae } from '../../src/tokenizers/klVae.js';
import { klVaeNetwork } from '../../src/tokenizers/klVaeFields.js';
import { expectClose } from '../support/conformance.js';
import { goldenNumbers, goldenPath } from '../support/golden.js';
import { runOnce } from '../support/golden/subject.js';

const { config: fields } = readJsonFile(goldenPath('mar-vae-tiny.json')) as { readonly config: unknown };
const config = klVaeNetwork(parseTokenizerConfig(klVae, fields, 'mar-vae-tiny'));
const golden = goldenNumbers('mar-vae-tiny.expected.safetensors');
const { tensors: weights } = openSafetensors(goldenPath('mar-vae-tiny.safetensors'));
const inputs = { image: golden('image'), noise: golden('noise') };
const target = onnxTarget({ threads: 1 });

const meanOf = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe('the KL autoencoder', () => {
  for (const reconstruction of ['l1', 'l2'] as const)
    it(`charges the reconstruction of what it draws (${reconstruction}), and the Gaussians' distance from standard ones`, async () => {
      const graph = klAutoencoder(config, { reconstruction, divergence: 0.5 });
      const losses = await runOnce(target, graph, weights, inputs);
      const [image, again] = [inputs.image, golden('reconstruction')];
      const differences = Array.from(image.data, (value, index) => value - again.data[index]!);
      const expected = meanOf(
        differences.map((own) => (reconstruction === 'l1' ? Math.abs(own) : own * own)),
      );
      // Of each picture, for each of its numbers.
      const divergence = 0.5 * (meanOf(golden('kl').data) / (image.data.length / image.shape[0]!));
      expect(losses.reconstruction_loss!.data[0]!).to.be.closeTo(expected, 1e-5 * expected);
      expect(losses.divergence_loss!.data[0]!).to.be.closeTo(divergence, 1e-5 * divergence);
      expect(losses.loss!.data[0]!).to.be.closeTo(expected + divergence, 1e-5 * expected);
      expectClose(losses.latent!, golden('latent'), 1e-5, 'the latent');
      expectClose(losses.reconstruction!, again, 1e-5, 'the reconstruction');
    });

  it('has a gradient for every parameter, which fits finite differences', async () => {
    const graph = klAutoencoder(config, { reconstruction: 'l2', divergence: 0.5 });
    const names = parametersOf(graph).map(({ name }) => name);
    expect([...names].sort()).to.deep.equal([...weights.keys()].sort());
    const chosen = ['quant_conv.bias', 'encoder.conv_in.bias'];
    const derivatives = await runOnce(target, withGradients(graph, 'loss', chosen), weights, inputs);
    const lossOf = async (name: string, element: number, moved: number) => {
      const stored = weights.get(name)!;
      const changed = storedFloats(stored.shape, readFloats(stored).with(element, moved));
      const all = new Map([...weights, [name, changed]]);
      return (await runOnce(target, graph, all, inputs, ['loss'])).loss!.data[0]!;
    };
    for (const name of chosen) {
      const own = readFloats(weights.get(name)!)[1]!;
      const [above, below] = [Math.fround(own + 2 ** -7), Math.fround(own - 2 ** -7)];
      const slope = ((await lossOf(name, 1, above)) - (await lossOf(name, 1, below))) / (above - below);
      const gradient = derivatives[`gradient.${name}`]!.data[1]!;
      expect(gradient, name).to.be.closeTo(slope, 5e-3 * Math.abs(slope) + 1e-5);
      expect(Math.abs(slope), name).to.be.above(1e-4);
    }
  });

  it('scales what it gives to whoever draws latents, and undoes it before decoding', async () => {
    const image = { image: inputs.image };
    const [plain, scaled] = await Promise.all(
      [1, 4].map((scale) => runOnce(target, klEncoder({ ...config, scale }), weights, image)),
    );
    for (const name of ['vectors', 'deviations'] as const)
      for (const [index, own] of plain![name]!.data.entries())
        expect(scaled![name]!.data[index]!).to.be.closeTo(4 * own, 1e-5 * (1 + Math.abs(own)));
    const { vectors } = plain!;
    const decoded = await runOnce(target, klDecoder({ ...config, scale: 1 }), weights, { vectors: vectors! });
    const again = await runOnce(target, klDecoder({ ...config, scale: 4 }), weights, {
      vectors: scaled!.vectors!,
    });
    expectClose(again.image!, decoded.image!, 1e-5, 'the picture');
  });
});
