import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { openPytorch } from '../support/checkpoints.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { InputError } from '../../src/errors.js';
import { readFloats } from '../../src/graph/weights.js';
import { goldenPath } from '../support/golden.js';
import { type Encoded, pickle, pickledTensor } from '../../src/checkpoints/pickleProgram.js';
import { writeCheckpoint } from '../support/pickle.js';
import { expectInputError } from '../support/failures.js';
import { temporaryFolder } from '../support/temporary.js';

async function failure(path: string): Promise<string> {
  try {
    await openPytorch(path);
  } catch (error) {
    expect(error).to.be.instanceOf(InputError);
    return (error as Error).message;
  }
  return expect.fail('the checkpoint was accepted');
}

describe('PyTorch checkpoints', () => {
  const temporary = temporaryFolder();
  const six = Float32Array.of(0, 1, 2, 3, 4, 5);

  it('hold what their safetensors twin holds', async () => {
    const { tensors, key } = await openPytorch(goldenPath('arpg-tiny.pt'));
    const twin = openSafetensors(goldenPath('arpg-tiny.safetensors')).tensors;
    expect(key).to.equal('model');
    expect([...tensors.keys()].sort()).to.deep.equal([...twin.keys()].sort());
    for (const [name, tensor] of tensors) {
      expect(tensor.shape, name).to.deep.equal(twin.get(name)!.shape);
      expect(Buffer.from(tensor.read()).equals(twin.get(name)!.read()), name).to.equal(true);
    }
  });

  it('strides, offsets and shared storages are respected', async () => {
    const path = temporary('views.pt');
    const shared = { storage: '0', elements: 6 };
    await writeCheckpoint(
      path,
      pickle.dict({
        whole: pickledTensor({ ...shared, shape: [2, 3], strides: [3, 1] }),
        transposed: pickledTensor({ ...shared, shape: [3, 2], strides: [1, 3] }),
        column: pickledTensor({ ...shared, offset: 1, shape: [2], strides: [3] }),
        tail: pickledTensor({ ...shared, offset: 4, shape: [2], strides: [1] }),
        single: pickledTensor({ ...shared, offset: 5, shape: [], strides: [] }),
        empty: pickledTensor({ ...shared, shape: [0, 3], strides: [3, 1] }),
      }),
      { 0: six },
    );
    const { tensors } = await openPytorch(path);
    const values = (name: string) => Array.from(readFloats(tensors.get(name)!));
    expect(values('whole')).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(values('transposed')).to.deep.equal([0, 3, 1, 4, 2, 5]);
    expect(values('column')).to.deep.equal([1, 4]);
    expect(values('tail')).to.deep.equal([4, 5]);
    expect(values('single')).to.deep.equal([5]);
    expect(values('empty')).to.deep.equal([]);
    expect(tensors.get('tail')!.file).to.not.equal(undefined);
    expect(tensors.get('transposed')!.file).to.equal(undefined);
  });

  it('nothing is read beyond a storage, not even by a view of an empty one', async () => {
    for (const [elements, shape, strides] of [
      [0, [64], [0]],
      [0, [], []],
      [0, [1], [1]],
      [6, [7], [1]],
    ] as const) {
      const path = temporary('outside.pt');
      const tensor = pickledTensor({ storage: '0', elements, shape, strides });
      await writeCheckpoint(path, pickle.dict({ w: tensor }), {
        0: elements === 0 ? new Float32Array(0) : six,
      });
      await expectInputError(
        openPytorch(path).then(({ tensors }) => readFloats(tensors.get('w')!)),
        'outside its storage',
      );
    }
  });

  it('half, bfloat16 and double elements are read', async () => {
    const path = temporary('types.pt');
    const one = (storage: string, type: string) =>
      pickledTensor({ storage, type, elements: 4, shape: [4], strides: [1] });
    await writeCheckpoint(
      path,
      pickle.dict({
        h: one('h', 'HalfStorage'),
        b: one('b', 'BFloat16Storage'),
        d: one('d', 'DoubleStorage'),
      }),
      {
        h: Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00),
        b: Uint16Array.of(0x3f80, 0xc000, 0x4049, 0xff80),
        d: Float64Array.of(1, -2, 0.5, 1e300),
      },
    );
    const { tensors } = await openPytorch(path);
    expect(Array.from(readFloats(tensors.get('h')!))).to.deep.equal([1, -2, 2 ** -24, Infinity]);
    expect(Array.from(readFloats(tensors.get('b')!))).to.deep.equal([1, -2, 3.140625, -Infinity]);
    expect(Array.from(readFloats(tensors.get('d')!))).to.deep.equal([1, -2, 0.5, Infinity]);
  });

  for (const key of ['model', 'module', 'state_dict', 'ema'] as const) {
    it(`a state dict under '${key}' is found beside other things`, async () => {
      const path = temporary(`${key}.pt`);
      const tensor = pickledTensor({ storage: '0', elements: 6, shape: [6], strides: [1] });
      const state = pickle.dict({ 'module.a': tensor, 'module.b': tensor });
      await writeCheckpoint(path, pickle.dict({ steps: pickle.int(7), args: pickle.none, [key]: state }), {
        0: six,
      });
      const found = await openPytorch(path);
      expect(found.key).to.equal(key);
      expect([...found.tensors.keys()]).to.deep.equal(['module.a', 'module.b']);
    });
  }

  it('a training namespace beside the weights is harmless', async () => {
    const path = temporary('namespace.pt');
    const tensor = pickledTensor({ storage: '0', elements: 6, shape: [6], strides: [1] });
    const namespace = Buffer.concat([
      pickle.call(pickle.global('argparse', 'Namespace')),
      pickle.dict({ lr: pickle.int(1) }),
      Buffer.of(0x62),
    ]);
    await writeCheckpoint(path, pickle.dict({ model: pickle.dict({ a: tensor }), args: namespace }), {
      0: six,
    });
    expect([...(await openPytorch(path)).tensors.keys()]).to.deep.equal(['a']);
  });

  for (const [module, name] of [
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['torch', 'load'],
    ['numpy.core.multiarray', 'scalar'],
  ] as const) {
    it(`weights that are what ${module}.${name} gives are refused by name`, async () => {
      const path = temporary('evil.pt');
      const evil = pickle.call(pickle.global(module, name), pickle.text('touch /tmp/owned'));
      await writeCheckpoint(path, pickle.dict({ model: evil }));
      expect(await failure(path))
        .to.include(path)
        .and.include(`'${module}.${name}'`);
    });
  }

  const tensor = (overrides: object): Encoded =>
    pickle.dict({
      a: pickledTensor({ storage: '0', elements: 6, shape: [2, 3], strides: [3, 1], ...overrides }),
    });
  const broken: Readonly<Record<string, { value: Encoded; reason: string }>> = {
    'a tensor that reaches past its storage': { value: tensor({ offset: 1 }), reason: 'outside its storage' },
    'strides that reach past the storage': {
      value: tensor({ strides: [30, 1] }),
      reason: 'outside its storage',
    },
    'a tensor larger than its storage': {
      value: tensor({ shape: [2 ** 20, 2 ** 10], strides: [0, 0] }),
      reason: 'far larger than its storage',
    },
    'a storage that claims more than the file holds': { value: tensor({ elements: 7 }), reason: 'too few' },
    'a storage that is missing': { value: tensor({ storage: '1' }), reason: 'missing' },
    'negative sizes': { value: tensor({ shape: [-2, 3] }), reason: 'no valid offset, shape or strides' },
    'no tensors': { value: pickle.dict({ note: pickle.text('hello') }), reason: "its keys are 'note'" },
    'no dictionary': { value: pickle.int(3), reason: 'no dictionary' },
    'a truncated program': { value: Buffer.of(0x28), reason: 'damaged' },
    'an unknown instruction': { value: Buffer.of(0x69), reason: 'instruction 0x69' },
    'a memo that was never written': { value: Buffer.of(0x68, 9), reason: 'remembered as 9' },
  };
  for (const [name, { value, reason }] of Object.entries(broken)) {
    it(`${name}: refused with a reason`, async () => {
      const path = temporary('broken.pt');
      await writeCheckpoint(path, value, { 0: six });
      expect(await failure(path))
        .to.include(path)
        .and.include(reason);
    });
  }

  it('truncated, compressed, legacy, foreign and missing files are refused', async () => {
    const bytes = readFileSync(goldenPath('arpg-tiny.pt'));
    writeFileSync(temporary('short.pt'), bytes.subarray(0, bytes.length / 2));
    expect(await failure(temporary('short.pt'))).to.include('damaged');
    await writeCheckpoint(temporary('packed.pt'), tensor({}), { 0: six }, true);
    expect(await failure(temporary('packed.pt'))).to.include('compressed');
    writeFileSync(temporary('legacy.pt'), Buffer.concat([Buffer.of(0x80, 2), Buffer.alloc(100)]));
    expect(await failure(temporary('legacy.pt'))).to.include('before PyTorch 1.6');
    writeFileSync(temporary('text.pt'), 'not a checkpoint at all, only a line of text');
    expect(await failure(temporary('text.pt'))).to.include('damaged');
    expect(await failure(temporary('none.pt'))).to.include('no such file');
  });
});
