import { vqAutoencoder, vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { openPytorch } from '../support/checkpoints.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { readJsonFile } from '../../src/jsonFile.js';
import type { HostTensor } from '../../src/targets/target.js';
import { vqFields, vqConfig } from '../support/vq.js';
import { expectClose, TESTED_TARGETS } from '../support/conformance.js';
import { goldenNumbers, goldenPath } from '../support/golden.js';

const config = vqConfig(vqFields(readJsonFile(goldenPath('vq-tiny.json')), 'vq-tiny.json'));
const golden = goldenNumbers('vq-tiny.expected.safetensors');
const asGrid = (indices: HostTensor): HostTensor => ({ ...indices, shape: [indices.shape[0]!, 8, 8] });

/** Biases before a normalisation have a gradient of zero but for rounding. */
const SMALLEST_GRADIENT = 1e-3;

// On onnx and the reference, test/golden.test.ts and its slow part replay all of the set.
for (const target of TESTED_TARGETS.slice(1)) {
  describe(`VQ tokenizer on ${target.name}`, () => {
    it('latent and indices are the golden ones', async () => {
      const { tensors } = await openPytorch(goldenPath('vq-tiny.pt'));
      const executable = await target.compile(vqEncoder(config), { weights: tensors });
      const { latent, indices } = await executable.run({ image: golden('image') });
      expectClose(await latent!.read(), golden('latent'), 1e-4, 'latent');
      expectClose(await indices!.read(), golden('indices'), 0, 'indices');
      await executable.dispose();
    });

    it('quantized latents, reconstruction and decoded image are the golden ones', async () => {
      const { tensors } = await openPytorch(goldenPath('vq-tiny.pt'));
      const executable = await target.compile(vqDecoder(config), { weights: tensors });
      const { quantized, image } = await executable.run({ indices: asGrid(golden('indices')) });
      expectClose(await quantized!.read(), golden('quantized'), 1e-4, 'quantized');
      expectClose(await image!.read(), golden('reconstruction'), 1e-4, 'reconstruction');
      const decoded = await executable.run({ indices: asGrid(golden('decode.indices')) });
      expectClose(await decoded.image!.read(), golden('decode.image'), 1e-4, 'decoded image');
      await executable.dispose();
    });

    // The other targets take long: the slow tests do it on WebGPU, and every operation's gradient is tested on all.
    const gradients = target.name === 'gpujs:webasm' ? it : undefined;
    gradients?.('losses and every gradient are the golden ones', async () => {
      const { tensors } = await openPytorch(goldenPath('vq-tiny.pt'));
      const names = [...tensors.keys()].filter((name) => name !== 'quantize.codebook_used');
      const graph = vqAutoencoder(config, { reconstruction: 'l2', commitment: 0.25, entropy: 0.1, rate: 0 });
      const executable = await target.compile(withGradients(graph, 'loss', names), { weights: tensors });
      const outputs = await executable.run({ image: golden('image') });
      const losses = {
        reconstruction_loss: 'loss.mse',
        codebook_loss: 'loss.vq',
        commitment_loss: 'loss.commit',
        entropy_loss: 'loss.entropy',
        loss: 'loss.total',
      };
      for (const [output, number] of Object.entries(losses))
        expectClose(await outputs[output]!.read(), { ...golden(number), shape: [] }, 1e-4, output);
      expectClose(await outputs.indices!.read(), golden('indices'), 0, 'indices');
      for (const name of names)
        expectClose(
          await outputs[`gradient.${name}`]!.read(),
          golden(`grad.${name}`),
          1e-3,
          name,
          SMALLEST_GRADIENT,
        );
      await executable.dispose();
    }).timeout(180_000);
  });
}
