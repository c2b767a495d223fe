import { mkdirSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { serializePytorch } from '../../src/checkpoints/writePytorch.js';
import type { StoredTensor, Weights } from '../../src/graph/weights.js';
import { importGenerator, importTokenizer } from '../../src/models/importCheckpoint.js';
import { goldenPath } from '../support/golden.js';
import { temporaryFolder } from '../support/temporary.js';

const config = goldenPath('var-tiny.json');
const { tensors } = openSafetensors(goldenPath('var-tiny.safetensors'));
const isTokenizers = (name: string) => /^(encoder|decoder|quantize|quant_conv|post_quant_conv)\./.test(name);

const zeros = (dtype: 'f32' | 'i64', shape: readonly number[]): StoredTensor => ({
  dtype,
  shape,
  read: () => new Uint8Array(shape.reduce((size, own) => size * own, dtype === 'f32' ? 4 : 8)),
});

/** The files as they are published: dictionaries of tensors with nothing around them, and with buffers. */
const GENERATOR: Weights = new Map([
  ...[...tensors].filter(([name]) => !isTokenizers(name)),
  ['lvl_1L', zeros('i64', [1, 30])],
  ['attn_bias_for_masking', zeros('f32', [1, 1, 30, 30])],
  ['blocks.0.attn.zero_k_bias', zeros('f32', [32])],
  ['blocks.1.attn.zero_k_bias', zeros('f32', [32])],
]);
const TOKENIZER: Weights = new Map([...tensors].filter(([name]) => isTokenizers(name)));

describe('import of VAR', () => {
  const temporary = temporaryFolder();
  const [generator, tokenizer] = [() => temporary('var.pth'), () => temporary('vae.pth')];
  before(async () => {
    mkdirSync(temporary('.'), { recursive: true });
    for (const [path, weights] of [
      [generator(), GENERATOR],
      [tokenizer(), TOKENIZER],
    ] as const)
      writeFileSync(path, await buffer(Readable.from(serializePytorch(weights, {}, ''))));
  });

  const failure = async (attempt: Promise<unknown>): Promise<string> =>
    attempt.then(
      () => expect.fail('it was accepted'),
      (error: Error) => error.message,
    );

  it('knows the tokenizer by its names, and takes its configuration from the generator’s', async () => {
    const found = await importTokenizer(tokenizer(), undefined, { generatorConfiguration: config });
    expect(found.kind.name).to.equal('multi-scale');
    expect(found.config).to.include({ vocab_size: 32, z_channels: 8 });
    expect(found.config).to.deep.include({ v_patch_nums: [1, 2, 3, 4] });
    expect((await importTokenizer(tokenizer(), config)).config).to.deep.equal(found.config);
    const { size } = TOKENIZER;
    expect(found.weights.size).to.equal(size - 1);
    expect(await failure(importTokenizer(tokenizer()))).to.match(/do not fit the configuration/);
  });

  it('takes the published preset of the generator, scales and all', async () => {
    const message = await failure(
      importTokenizer(tokenizer(), undefined, { generatorConfiguration: 'VAR-d36' }),
    );
    expect(message).to.match(/do not fit the configuration/);
  });

  it('needs the tokenizer’s codes, and leaves out what nothing needs', async () => {
    const made = await importTokenizer(tokenizer(), config);
    const found = await importGenerator(generator(), config, { tokenizer: made });
    expect(found.system.name).to.equal('var');
    const own = [...found.weights.keys()].filter((name) => !name.startsWith('quantize.'));
    expect(own).to.have.length(GENERATOR.size - 4);
    expect(found.weights.get('quantize.embedding.weight')).to.equal(
      made.weights.get('quantize.embedding.weight'),
    );
    expect(await failure(importGenerator(generator(), config))).to.include('with --tokenizer');
    expect(await failure(importGenerator(generator(), undefined, { tokenizer: made }))).to.include(
      '--config is needed: VAR-d16, VAR-d20',
    );
  });
});
