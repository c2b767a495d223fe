import { expect } from 'chai';
import { arpgStep } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { InputError } from '../../src/errors.js';
import { parseSystemConfig } from '../../src/models/parseConfig.js';
import { findSystem } from '../../src/systems/registry.js';
import { arpgConfig, arpgFields, arpgSystem } from '../support/arpg.js';
import { vqConfig, vqFields, vqKind } from '../support/vq.js';

const generator = { dim: 64, n_layer: 4, n_head: 2 };

describe('configurations', () => {
  it('of the published models are taken', () => {
    for (const { config } of Object.values(arpgSystem.config.presets)) arpgFields(config, 'x');
    for (const config of Object.values(vqKind.presets)) vqFields(config, 'x');
  });

  const generators: Readonly<Record<string, readonly [object, string]>> = {
    'two billion classes': [{ num_classes: 2e9 }, "field 'num_classes' must be <= 16777216"],
    'a grid of 10¹⁵ tokens': [{ block_size: 1e15 }, "field 'block_size' must be <= 65536"],
    'a million layers': [{ n_layer: 1e6 }, "field 'n_layer' must be <= 1024"],
    'many wide layers': [{ dim: 65536, n_layer: 1024, n_head: 64 }, 'billion parameters'],
    'many classes of a wide model': [{ dim: 4096, num_classes: 1 << 24 }, 'billion parameters'],
    'a wide hidden layer': [{ n_layer: 1024, multiple_of: 65536 }, 'billion parameters'],
    infinity: [{ rope_base: Number.POSITIVE_INFINITY }, "field 'rope_base' must be"],
  };
  for (const [name, [fields, reason]] of Object.entries(generators))
    it(`of a generator with ${name}: refused at once`, () => {
      expect(() => arpgFields({ ...generator, ...fields }, 'c.json')).to.throw(
        InputError,
        new RegExp(`^c\\.json: .*${reason.replace(/[()]/g, '\\$&')}`),
      );
    });

  const tokenizers: Readonly<Record<string, readonly [object, string]>> = {
    'a million levels': [
      { ch_mult: new Array<number>(1e6).fill(1) },
      "field 'ch_mult' must NOT have more than 8",
    ],
    'a codebook of 10¹⁵ codes': [{ codebook_size: 1e15 }, "field 'codebook_size' must be <= 16777216"],
    'large codes in a large codebook': [
      { codebook_size: 1 << 24, codebook_embed_dim: 65536 },
      'billion parameters',
    ],
    'wide convolutions': [{ ch: 65536 }, 'billion parameters'],
    'many wide blocks': [{ num_res_blocks: 64, ch: 4096 }, 'billion parameters'],
  };
  for (const [name, [fields, reason]] of Object.entries(tokenizers))
    it(`of a tokenizer with ${name}: refused at once`, () => {
      expect(() => vqFields(fields, 'c.json')).to.throw(InputError, reason);
    });

  it('at the limits make graphs within seconds', () => {
    const before = process.cpuUsage();
    const deep = arpgFields({ ...generator, n_layer: 1024, multiple_of: 32 }, 'x');
    arpgStep(arpgConfig(deep));
    const blocks = { num_res_blocks: 64, ch: 32, ch_mult: [1, 1, 1, 1, 1, 1, 1, 1] };
    const tokenizer = vqConfig(vqFields(blocks, 'x'));
    vqEncoder(tokenizer);
    vqDecoder(tokenizer);
    expect(process.cpuUsage(before).user / 1e6).to.be.lessThan(10);
  });

  it('as many keys and values as heads may be said, others are refused', () => {
    const fields = { dim: 16, n_layer: 2, n_head: 2 };
    for (const name of ['llamagen', 'randar']) {
      const system = findSystem(name)!;
      for (const heads of [null, 2]) parseSystemConfig(system, { ...fields, n_kv_head: heads }, 'x');
      expect(() => parseSystemConfig(system, { ...fields, n_kv_head: 1 }, 'x')).to.throw(
        InputError,
        'n_kv_head 1 differs from n_head 2',
      );
    }
  });
});
