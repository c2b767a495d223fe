import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { TensorDictionary } from '../../src/checkpoints/checkpoint.js';
import { type Encoded, pickle, pickledTensor } from '../../src/checkpoints/pickleProgram.js';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { serializePytorch } from '../../src/checkpoints/writePytorch.js';
import { makeGraph, NORMAL_INITIALIZER, parameter } from '../../src/dsl/index.js';
import { InputError, UsageError } from '../../src/errors.js';
import { readFloats, type StoredTensor, storedFloats, type Weights } from '../../src/graph/weights.js';
import { exportMetadata } from '../../src/models/exportMetadata.js';
import {
  type GeneratorImportOptions,
  importGenerator,
  importTokenizer,
} from '../../src/models/importCheckpoint.js';
import { matchParameters } from '../../src/models/matchParameters.js';
import { goldenPath } from '../support/golden.js';
import { stateDictOf, writeCheckpoint } from '../support/pickle.js';
import { temporaryFolder } from '../support/temporary.js';

const config = goldenPath('arpg-tiny.json');
const { tensors: weights } = openSafetensors(goldenPath('arpg-tiny.safetensors'));

function expectSame(found: Weights): void {
  for (const [name, tensor] of weights)
    if (found.has(name))
      expect(Buffer.from(found.get(name)!.read()).equals(tensor.read()), name).to.equal(true);
  expect(found.size).to.equal(weights.size);
}

describe('import', () => {
  const temporary = temporaryFolder();

  async function failure(
    path: string,
    options: GeneratorImportOptions & { readonly configuration?: string } = {},
  ): Promise<UsageError | InputError> {
    const { configuration = config, ...rest } = options;
    const error: unknown = await importGenerator(path, configuration, rest).then(
      () => expect.fail('the checkpoint was accepted'),
      (reason: unknown) => reason,
    );
    if (!(error instanceof InputError || error instanceof UsageError)) throw error;
    return error;
  }

  const safetensorsOf = (tensors: Weights, metadata: Readonly<Record<string, string>> = {}) =>
    Buffer.concat([...serializeSafetensors(tensors, metadata)]);
  const renamed = (rename: (name: string) => string) =>
    new Map([...weights].map(([name, tensor]) => [rename(name), tensor]));

  it('tells formats by their content, whatever the name', async () => {
    const files = {
      'UPPER.SAFETENSORS': readFileSync(goldenPath('arpg-tiny.safetensors')),
      'safetensors.pt': readFileSync(goldenPath('arpg-tiny.safetensors')),
      'torch.safetensors': readFileSync(goldenPath('arpg-tiny.pt')),
      'no extension': readFileSync(goldenPath('arpg-tiny.pt')),
    };
    for (const [name, bytes] of Object.entries(files)) {
      writeFileSync(temporary(name), bytes);
      expectSame((await importGenerator(temporary(name), config)).weights);
    }
  });

  const foreign: Readonly<Record<string, readonly [Uint8Array | string, string]>> = {
    'lfs.safetensors': [
      'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n',
      'a Git LFS pointer',
    ],
    'page.pt': ['\n<!DOCTYPE html><html>Not found</html>', 'an HTML'],
    'packed.pt': [gzipSync('weights'), 'packed with gzip'],
    'legacy.pt': [Buffer.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc]), 'from before PyTorch 1.6'],
    'array.npy': ['\u0093NUMPY\u0001\u0000', 'NumPy array'],
    'model.onnx': [Buffer.from([0x08, 0x0a, 0x12, 0x04, 0x61, 0x72, 0x70, 0x67]), 'an ONNX model'],
    'empty.pt': ['', 'an empty file'],
    'text.pt': ['some text', 'neither a safetensors file nor a PyTorch file'],
    'config.json': ['{"dim": 64}', 'a JSON file, not weights'],
    'cut.json': ['{"weight_map": {', 'not valid JSON'],
  };
  for (const [name, [content, reason]] of Object.entries(foreign))
    it(`${name}: said to be what it is`, async () => {
      writeFileSync(temporary(name), content, 'latin1');
      const { message, exitCode } = await failure(temporary(name));
      expect(message).to.include(temporary(name)).and.include(reason);
      expect(exitCode).to.equal(3);
    });

  it('archives of other programs, folders and missing files are named', async () => {
    expect((await failure(temporary('.'))).message).to.include('it is a folder');
    expect((await failure(temporary('none.pt'))).message).to.include('no such file');
    await writeCheckpoint(temporary('cut.pt'), pickle.dict({}));
    writeFileSync(temporary('cut.pt'), readFileSync(temporary('cut.pt')).subarray(0, 60));
    expect((await failure(temporary('cut.pt'))).message).to.include('damaged');
  });

  describe('several files', () => {
    const names = [...weights.keys()];
    const write = (folder: string, index: unknown) => {
      mkdirSync(temporary(folder), { recursive: true });
      for (const [shard, odd] of [1, 0].entries())
        writeFileSync(
          temporary(`${folder}/part-${shard}`),
          safetensorsOf(new Map([...weights].filter((_, place) => place % 2 === odd))),
        );
      writeFileSync(temporary(`${folder}/model.safetensors.index.json`), JSON.stringify(index));
      return temporary(`${folder}/model.safetensors.index.json`);
    };
    const map = (shard: (place: number) => string) => ({
      weight_map: Object.fromEntries(names.map((name, place) => [name, shard(place)])),
    });

    it('are read through their index, also where they are links', async () => {
      const path = write(
        'shards',
        map((place) => (place % 2 === 1 ? 'part-0' : 'part-1')),
      );
      expectSame((await importGenerator(path, config)).weights);
      mkdirSync(temporary('linked'));
      symlinkSync(path, temporary('linked/model.safetensors.index.json'));
      for (const part of ['part-0', 'part-1'])
        symlinkSync(temporary(`shards/${part}`), temporary(`linked/${part}`));
      expectSame((await importGenerator(temporary('linked/model.safetensors.index.json'), config)).weights);
    });

    it('that are missing, elsewhere, or hold something else are named', async () => {
      const cases: readonly (readonly [unknown, string])[] = [
        [map(() => 'part-7'), 'part-7: cannot be read: no such file'],
        [map(() => '../shards/part-0'), 'which is no file name'],
        [map(() => '/etc/passwd'), 'which is no file name'],
        [{ weight_map: { a: 7 } }, 'which is no file name'],
        [map(() => 'part-0'), `the index puts tensor '${names[0]}' there`],
        [map(() => 'model.safetensors.index.json'), 'it is a JSON file, though'],
        [{ weight_map: [] }, 'not the index'],
      ];
      for (const [index, reason] of cases)
        expect((await failure(write('wrong', index))).message).to.include(reason);
    });
  });

  describe('names', () => {
    const wrappers: Readonly<Record<string, (name: string) => string>> = {
      DistributedDataParallel: (name) => `module.${name}`,
      'torch.compile': (name) => `_orig_mod.${name}`,
      'both in each other': (name) => `_orig_mod.module.${name}`,
      Lightning: (name) => `model.${name}`,
      'Lightning around torch.compile': (name) => `model._orig_mod.${name}`,
      FSDP: (name) => `_fsdp_wrapped_module.${name.replace(/^layers\./, 'layers._fsdp_wrapped_module.')}`,
      'checkpointed layers': (name) => name.replace(/(\.\d+\.)/, '$1_checkpoint_wrapped_module.'),
      'a training program of its own': (name) => `generator.net.${name}`,
    };
    for (const [wrapper, rename] of Object.entries(wrappers))
      it(`that ${wrapper} wrapped are those of the model, in both formats`, async () => {
        writeFileSync(temporary('wrapped.safetensors'), safetensorsOf(renamed(rename)));
        expectSame((await importGenerator(temporary('wrapped.safetensors'), config)).weights);
        const { value, storages } = stateDictOf(weights, rename);
        await writeCheckpoint(temporary('wrapped.pt'), pickle.dict({ state_dict: value }), storages);
        expectSame((await importGenerator(temporary('wrapped.pt'), config)).weights);
      });

    it('that one wrapper of several does not have stay as they are', async () => {
      const mixed = renamed((name) => (name === 'head.weight' ? name : `module.${name}`));
      writeFileSync(temporary('mixed.safetensors'), safetensorsOf(mixed));
      expect((await failure(temporary('mixed.safetensors'))).message).to.include(
        'missing: embeddings.weight',
      );
    });

    it('are quoted in part and without control characters', async () => {
      const odd = new Map([...weights, [`\u001b[2J${'x'.repeat(1e5)}`, weights.get('head.weight')!]]);
      writeFileSync(temporary('odd.safetensors'), safetensorsOf(odd));
      const { message } = await failure(temporary('odd.safetensors'));
      expect(message).to.include('1 unknown').and.not.include('\u001b');
      expect(message.length).to.be.lessThan(400);
    });
  });

  describe('dictionaries', () => {
    const { value, storages } = stateDictOf(weights);
    const loss = pickledTensor({ storage: '0', elements: 1, shape: [], strides: [] });
    const zeros = stateDictOf(
      new Map(
        [...weights].map(([name, { shape }]) => [name, storedFloats(shape, new Float32Array(size(shape)))]),
      ),
    );
    const both = {
      ...storages,
      ...Object.fromEntries(Object.entries(zeros.storages).map(([key, bytes]) => [`z${key}`, bytes])),
    };
    const zeroDict = Buffer.from(zeros.value);

    const write = async (root: Encoded, data: Readonly<Record<string, Uint8Array>> = storages) => {
      await writeCheckpoint(temporary('dict.pt'), root, data);
      return temporary('dict.pt');
    };

    for (const key of ['model', 'model_state_dict', 'ema_model', 'anything'])
      it(`the only one that fits is taken: ${key}`, async () => {
        const notes: string[] = [];
        const path = await write(pickle.dict({ epoch: pickle.int(3), [key]: value }));
        const { weights: found } = await importGenerator(path, config, {
          note: (text) => void notes.push(text),
        });
        expectSame(found);
        expect(notes.length).to.equal(key === 'anything' ? 1 : 0);
      });

    it('tensors beside it do not matter', async () => {
      expectSame((await importGenerator(await write(pickle.dict({ model: value, loss })), config)).weights);
    });

    it('nested ones are found, and named with dots', async () => {
      const path = await write(pickle.dict({ trainer: pickle.dict({ best: value, loss }) }));
      expectSame((await importGenerator(path, config)).weights);
      expectSame((await importGenerator(path, config, { key: 'trainer.best' })).weights);
    });

    it('of several that fit the usual one is taken and said, or the one that --key names', async () => {
      const path = await write(pickle.dict({ ema: zeroDict, model: value }), both);
      const notes: string[] = [];
      expectSame((await importGenerator(path, config, { note: (text) => void notes.push(text) })).weights);
      expect(notes).to.have.length(1);
      expect(notes[0]).to.include("took the weights under 'model'").and.include("'ema'");
      const { weights: other } = await importGenerator(path, config, { key: 'ema' });
      expect(other.size).to.equal(weights.size);
    });

    it('where a system draws with averaged weights, those are taken before the usual ones', async () => {
      const mar = openSafetensors(goldenPath('mar-tiny.safetensors')).tensors;
      const averaged = stateDictOf(mar);
      const zeros = [...mar].map(
        ([name, { shape }]) => [name, storedFloats(shape, new Float32Array(size(shape)))] as const,
      );
      const last = stateDictOf(new Map(zeros), undefined, 'last');
      const path = await write(
        pickle.dict({ model: last.value, model_ema: averaged.value, epoch: pickle.int(1) }),
        { ...last.storages, ...averaged.storages },
      );
      const notes: string[] = [];
      const options = { note: (text: string) => void notes.push(text) };
      const { weights: found } = await importGenerator(path, goldenPath('mar-tiny.json'), options);
      for (const [name, tensor] of mar)
        expect(Buffer.from(found.get(name)!.read()).equals(tensor.read()), name).to.equal(true);
      expect(notes.join()).to.include("took the weights under 'model_ema'").and.include("'model'");
    });

    it('of several unusual ones none is guessed', async () => {
      const path = await write(pickle.dict({ a: value, b: zeroDict }), both);
      expect((await failure(path)).message).to.include(
        "several dictionaries fit ('a', 'b'); choose one with --key",
      );
      expectSame((await importGenerator(path, config, { key: 'a' })).weights);
    });

    it('that are not there are answered with those that are', async () => {
      const path = await write(pickle.dict({ model: value, other: pickle.dict({ x: loss }) }));
      const error = await failure(path, { key: 'ema' });
      expect(error).to.be.instanceOf(UsageError);
      expect(error.message).to.include(`'model' (${weights.size} tensors), 'other' (1 tensors)`);
    });

    it('--key takes the start of names too, in both formats', async () => {
      const two = new Map([
        ...renamed((name) => `net.${name}`),
        ...[...weights].map(([name, tensor]) => [`ema.${name}`, tensor] as const),
      ]);
      writeFileSync(temporary('two.safetensors'), safetensorsOf(two));
      expect((await failure(temporary('two.safetensors'))).message).to.include('missing');
      expectSame((await importGenerator(temporary('two.safetensors'), config, { key: 'net' })).weights);
      const pickled = stateDictOf(two);
      const path = await write(pickle.dict({ state_dict: pickled.value }), pickled.storages);
      expectSame((await importGenerator(path, config, { key: 'state_dict.ema' })).weights);
    });

    it('without the tensors list what else there is', async () => {
      const path = await write(pickle.dict({ model: pickle.dict({ x: loss }), b: pickle.dict({ y: loss }) }));
      expect((await failure(path)).message)
        .to.include('missing')
        .and.include("those under 'model', --key takes others: 'model' (1 tensors), 'b' (1 tensors)");
    });
  });

  it('a tensor that depends on what only Python can make is an error where it is wanted alone', async () => {
    const { value, storages } = stateDictOf(weights);
    const quantized = pickle.call(pickle.global('torch._utils', '_rebuild_qtensor'), pickle.none);
    await writeCheckpoint(
      temporary('q.pt'),
      pickle.dict({ model: value, stats: pickle.dict({ q: quantized }) }),
      storages,
    );
    expectSame((await importGenerator(temporary('q.pt'), config)).weights);
    const few = stateDictOf(new Map([...weights].filter(([name]) => name !== 'head.weight')));
    const withQuantized = Buffer.concat([
      few.value.subarray(0, -1),
      pickle.text('head.weight'),
      quantized,
      Buffer.from('u'),
    ]);
    await writeCheckpoint(temporary('q.pt'), pickle.dict({ model: withQuantized }), few.storages);
    expect((await failure(temporary('q.pt'))).message)
      .to.include("tensor 'head.weight'")
      .and.include("'torch._utils._rebuild_qtensor'");
  });

  it('tensors with strides of 0 are those that they stand for', async () => {
    const shape = weights.get('norm.weight')!.shape;
    const without = new Map([...weights].filter(([name]) => name !== 'norm.weight'));
    const few = stateDictOf(without);
    const expanded = pickledTensor({ storage: 'one', elements: 1, shape, strides: shape.map(() => 0) });
    const dict = Buffer.concat([
      few.value.subarray(0, -1),
      pickle.text('norm.weight'),
      expanded,
      Buffer.from('u'),
    ]);
    await writeCheckpoint(temporary('e.pt'), dict, { ...few.storages, one: Float32Array.of(2.5) });
    const { weights: found } = await importGenerator(temporary('e.pt'), config);
    const values = readFloats(found.get('norm.weight')!);
    expect([values.length, new Set(values)]).to.deep.equal([shape[0], new Set([2.5])]);
  });

  it('a flipped bit in any stored byte of a .pt is an error', async () => {
    const bytes = readFileSync(goldenPath('arpg-tiny.pt'));
    for (const share of [0.2, 0.5, 0.8]) {
      const flipped = Buffer.from(bytes);
      const place = Math.floor(bytes.length * share);
      flipped[place] = flipped[place]! ^ 1;
      writeFileSync(temporary('flipped.pt'), flipped);
      expect((await failure(temporary('flipped.pt'))).message).to.include('checksum');
    }
  });

  describe('values', () => {
    const replaced = (name: string, tensor: StoredTensor) => new Map([...weights, [name, tensor]]);
    const { shape } = weights.get('norm.weight')!;
    const norm = (value: number) => {
      const values = new Float32Array(size(shape)).fill(1);
      values[3] = value;
      return replaced('norm.weight', storedFloats(shape, values));
    };

    for (const value of [NaN, Infinity, -Infinity])
      it(`${value} is refused with the tensor's name`, async () => {
        writeFileSync(temporary('nan.safetensors'), safetensorsOf(norm(value)));
        expect((await failure(temporary('nan.safetensors'))).message).to.include(
          `1 of ${weights.size} tensors hold values that are not finite: norm.weight (1 of ${size(shape)})`,
        );
      });

    it('beyond half precision are refused with --half, and kept without', async () => {
      writeFileSync(temporary('large.safetensors'), safetensorsOf(norm(1e6)));
      const { weights: found } = await importGenerator(temporary('large.safetensors'), config);
      expect(readFloats(found.get('norm.weight')!)[3]).to.equal(1e6);
      expect((await failure(temporary('large.safetensors'), { half: true })).message)
        .to.include('norm.weight (1 of')
        .and.include('leave out --half');
    });

    it('in double precision become single precision, which every target runs', async () => {
      const doubles = new Float64Array(size(shape)).fill(0.5);
      const stored: StoredTensor = { dtype: 'f64', shape, read: () => new Uint8Array(doubles.buffer) };
      writeFileSync(temporary('double.safetensors'), safetensorsOf(replaced('norm.weight', stored)));
      const { weights: found } = await importGenerator(temporary('double.safetensors'), config);
      expect(found.get('norm.weight')!.dtype).to.equal('f32');
      expect(new Set(readFloats(found.get('norm.weight')!))).to.deep.equal(new Set([0.5]));
      expect(found.get('norm.weight')!.read().byteLength).to.equal(4 * size(shape));
    });

    it('that are whole numbers are refused', async () => {
      const whole: StoredTensor = { dtype: 'i64', shape, read: () => new Uint8Array(8 * size(shape)) };
      writeFileSync(temporary('whole.safetensors'), safetensorsOf(replaced('norm.weight', whole)));
      expect((await failure(temporary('whole.safetensors'))).message).to.include(
        'not of floating-point numbers: norm.weight is i64',
      );
    });
  });

  describe('what a file holds under two names', () => {
    const graph = makeGraph('one', [], { out: parameter('weight', [2], NORMAL_INITIALIZER) });
    const dictionaryOf = (tensors: Readonly<Record<string, readonly number[]>>): TensorDictionary => {
      const stored = new Map(
        Object.entries(tensors).map(([name, values]) => [
          name,
          storedFloats([values.length], Float32Array.from(values)),
        ]),
      );
      return { names: new Set(stored.keys()), tensor: (name) => stored.get(name) };
    };
    const match = (tensors: Readonly<Record<string, readonly number[]>>) =>
      matchParameters([graph], dictionaryOf(tensors), 'file', { tied: { again: 'weight' } });

    it('is read once, where it is the same', () => {
      const found = match({ weight: [1, 2], again: [1, 2] });
      expect([...found.keys()]).to.deep.equal(['weight']);
      expect([...match({ weight: [1, 2] }).keys()]).to.deep.equal(['weight']);
    });

    it('is refused where it is not', () => {
      for (const again of [
        [1, 3],
        [1, 2, 3],
      ])
        expect(() => match({ weight: [1, 2], again })).to.throw(
          InputError,
          'not what it repeats: again is not weight',
        );
    });
  });

  describe('what was exported', () => {
    const labels = Array.from({ length: 10 }, (_, index) => `class ${index}`);
    const model = async () => ({
      ...(await importGenerator(goldenPath('arpg-tiny.pt'), config)),
      labels,
      license: 'CC0-1.0',
      sampling: { guidance: 3, top_p: 0.9 },
    });

    it('needs no configuration and keeps names, licence and settings, in both formats', async () => {
      const generator = await model();
      const metadata = exportMetadata(generator);
      writeFileSync(temporary('g.safetensors'), safetensorsOf(generator.weights, metadata));
      writeFileSync(temporary('g.pt'), await buffer(serializePytorch(generator.weights, metadata)));
      for (const path of [temporary('g.safetensors'), temporary('g.pt')]) {
        const found = await importGenerator(path, undefined);
        expectSame(found.weights);
        const { weights: _, ...description } = found;
        const { weights: __, ...expected } = generator;
        expect(description).to.deep.equal(expected);
        const given = await importGenerator(path, undefined, { license: 'MIT', sampling: { guidance: 5 } });
        expect([given.license, given.sampling]).to.deep.equal(['MIT', { guidance: 5, top_p: 0.9 }]);
        const tokenizer: unknown = await importTokenizer(path).catch((error: unknown) => error);
        expect(tokenizer)
          .to.be.instanceOf(InputError)
          .with.property('message')
          .that.includes('it holds a generator');
      }
    });

    it('may be a tokenizer', async () => {
      const tokenizer = await importTokenizer(goldenPath('vq-tiny.pt'), goldenPath('vq-tiny.json'));
      const metadata = exportMetadata(tokenizer);
      writeFileSync(temporary('t.safetensors'), safetensorsOf(tokenizer.weights, metadata));
      writeFileSync(temporary('t.pt'), await buffer(serializePytorch(tokenizer.weights, metadata)));
      for (const path of [temporary('t.safetensors'), temporary('t.pt')]) {
        expect((await importTokenizer(path)).config).to.deep.equal(tokenizer.config);
        const error: unknown = await importGenerator(path, undefined).catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(InputError).with.property('message').that.includes('--tokenizer');
      }
    });

    it('with a damaged description is refused, files of others need a configuration', async () => {
      const generator = await model();
      const { weights: found } = generator;
      const metadata = exportMetadata(generator);
      const damage: Readonly<Record<string, readonly [object, string]>> = {
        'no JSON': [{ config: '{' }, 'the configuration that it carries is damaged'],
        'deep JSON': [{ labels: '['.repeat(1e4) }, 'class names that it carries is damaged'],
        'other fields': [{ config: '{"dim": "x"}' }, "must have required property 'n_layer'"],
        'too few names': [{ labels: '["a"]' }, '1 labels for 10 classes'],
        'other settings': [{ sampling: '{"top_p": 7}' }, "field 'top_p' must be <= 1"],
      };
      for (const [name, [fields, reason]] of Object.entries(damage)) {
        writeFileSync(temporary('d.safetensors'), safetensorsOf(found, { ...metadata, ...fields }));
        const error: unknown = await importGenerator(temporary('d.safetensors'), undefined).catch(
          (reason: unknown) => reason,
        );
        expect(error, name).to.be.instanceOf(InputError).with.property('message').that.includes(reason);
      }
      const error: unknown = await importGenerator(goldenPath('arpg-tiny.pt'), undefined).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(UsageError).with.property('message').that.includes('--config is needed');
    });
  });
});

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
