import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readLog } from '../../src/training/runLog.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const tokenizerConfig = {
  codebook_size: 32,
  codebook_embed_dim: 4,
  ch: 32,
  z_channels: 32,
  num_res_blocks: 1,
};
const generatorConfig = { dim: 32, n_layer: 2, n_head: 2, multiple_of: 32 };

describe('training on real pictures', () => {
  const temporary = temporaryFolder();
  const train = (...args: readonly string[]) => arpg(['train', ...args, '--quiet', '--target', 'onnx']);

  before(() => {
    mkdirSync(temporary('.'), { recursive: true });
    writeFileSync(temporary('arpg.json'), JSON.stringify(generatorConfig));
  });

  it('real digits: 40 tokenizer steps and 120 generator steps lower the losses by what is stated', () => {
    const data = fileURLToPath(new URL('../../../fixtures/digits/held-out', import.meta.url));
    const lossesOf = (name: string, part = 'loss') =>
      readLog(temporary(name)).flatMap((entry) => (entry.loss === undefined ? [] : [entry[part]!]));
    writeFileSync(
      temporary('digits-vq.json'),
      JSON.stringify({ ...tokenizerConfig, image_size: 28, ch_mult: [1, 1, 1] }),
    );
    const tokenizer = train(
      ...[
        'tokenizer',
        '--data',
        data,
        '--out',
        temporary('digits-vq'),
        '--config',
        temporary('digits-vq.json'),
      ],
      ...['--steps', '40', '--batch', '8', '--lr', '0.003', '--warmup', '5', '--seed', '1'],
    );
    expect(tokenizer.errors).to.equal('');
    const reconstruction = lossesOf('digits-vq', 'reconstruction_loss');
    // A black picture alone has a reconstruction loss of about 0.4.
    expect(reconstruction[0]!).to.be.greaterThan(0.5);
    expect(reconstruction.at(-1)!).to.be.below(0.25);
    const generator = train(
      ...['--data', data, '--tokenizer', temporary('digits-vq/model'), '--out', temporary('digits')],
      ...[
        '--config',
        temporary('arpg.json'),
        '--steps',
        '120',
        '--batch',
        '16',
        '--lr',
        '0.005',
        '--seed',
        '1',
      ],
    );
    expect(generator.errors).to.equal('');
    const losses = lossesOf('digits');
    const late = losses.slice(-20).reduce((sum, loss) => sum + loss, 0) / 20;
    expect(losses[0]!).to.be.closeTo(Math.log(32), 0.01);
    expect(late).to.be.below(losses[0]! - 0.3);
  }).timeout(300_000);
});
