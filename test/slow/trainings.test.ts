import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readLog } from '../../src/training/runLog.js';
import { arpg, remarks } from '../support/cli.js';
import { writeStripes } from '../support/stripes.js';
import { temporaryFolder } from '../support/temporary.js';

const tokenizerConfig = {
  codebook_size: 32,
  codebook_embed_dim: 4,
  ch: 32,
  z_channels: 32,
  num_res_blocks: 1,
};
const generatorConfig = { dim: 32, n_layer: 2, n_head: 2, multiple_of: 32 };

const DIGITS = fileURLToPath(new URL('../../../fixtures/models/digits', import.meta.url));

describe('trainings that take a while', () => {
  const temporary = temporaryFolder();
  const train = (...args: readonly string[]) => arpg(['train', ...args, '--quiet', '--target', 'onnx']);

  before(() => {
    mkdirSync(temporary('.'), { recursive: true });
    writeFileSync(temporary('arpg.json'), JSON.stringify(generatorConfig));
    writeStripes(temporary('stripes'), 24);
    const small = { ...tokenizerConfig, ch_mult: [1, 1], image_size: 16 };
    writeFileSync(temporary('vq.json'), JSON.stringify(small));
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
      // Of a tokenizer that is trained, the codes and their entropy depend on rounding.
      ...['--data', data, '--tokenizer', DIGITS, '--out', temporary('digits')],
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
    expect(losses[0]!).to.be.closeTo(Math.log(256), 0.01);
    expect(late).to.be.below(losses[0]! - 1);
  }).timeout(300_000);

  it('every option of the tokenizer together still trains, resumes and gives a model', () => {
    const flags = [
      '--data',
      temporary('stripes'),
      '--config',
      temporary('vq.json'),
      ...['--steps', '6', '--batch', '8', '--seed', '1', '--checkpoint-every', '3', '--holdout', '0.2'],
      ...['--accumulate', '2', '--recompute', '--flip', '--crop', 'random', '--restart-after', '2'],
      ...['--adversarial', '0.1', '--adversarial-start', '2', '--ema', '0.9'],
    ];
    const { errors } = train('tokenizer', ...flags, '--out', temporary('options'));
    expect(errors).to.equal('');
    const log = readLog(temporary('options')).filter(({ loss }) => loss !== undefined);
    expect(log).to.have.length(6);
    expect(log[0]!.adversarial_loss).to.equal(0);
    expect(log[2]!.adversarial_loss).to.not.equal(0);
    expect(log[2]).to.include.keys(
      'reconstruction_loss',
      'discriminator_loss',
      'codebook_use',
      'restarted_codes',
    );
    expect(readdirSync(temporary('options/samples'))).to.deep.equal([
      'step-00000003.png',
      'step-00000006.png',
    ]);
    const decoded = arpg(
      ['detokenize', '--model', temporary('options/model'), '-o', temporary('decoded.png')],
      {
        stdin: JSON.stringify({ tokens: new Array(64).fill(1) }),
      },
    );
    expect(remarks(decoded.errors)).to.equal('');
    expect(
      train('tokenizer', ...flags.with(flags.indexOf('8'), '7'), '--out', temporary('odd')).errors,
    ).to.include('--batch 7 does not divide into 2 parts');
  }).timeout(240_000);
});
