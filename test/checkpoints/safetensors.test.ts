import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { InputError } from '../../src/errors.js';
import { readFloats, type StoredTensor, storedFloats } from '../../src/graph/weights.js';
import { temporaryFolder } from '../support/temporary.js';

function file(header: unknown, data = new Uint8Array(16), length?: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(length ?? json.length));
  return Buffer.concat([prefix, json, data]);
}

const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  const temporary = temporaryFolder();

  it('survive writing and reading, aligned and in their element types', () => {
    const bytes: StoredTensor = { dtype: 'u8', shape: [3], read: () => Uint8Array.of(1, 2, 3) };
    const halves: StoredTensor = { dtype: 'f16', shape: [1], read: () => Uint8Array.of(0, 0x3c) };
    const tensors = new Map([
      ['z.bytes', bytes],
      ['half', halves],
      ['a.weight', storedFloats([2, 2], Float32Array.of(1, 2, 3, 4))],
      ['none', storedFloats([0, 5], new Float32Array(0))],
    ]);
    writeFileSync(
      temporary('ok.safetensors'),
      Buffer.concat([...serializeSafetensors(tensors, { licence: 'MIT' })]),
    );
    const opened = openSafetensors(temporary('ok.safetensors'));
    expect(opened.metadata).to.deep.equal({ licence: 'MIT' });
    expect(new Set(opened.tensors.keys())).to.deep.equal(new Set(tensors.keys()));
    expect(Array.from(readFloats(opened.tensors.get('a.weight')!))).to.deep.equal([1, 2, 3, 4]);
    expect(Array.from(readFloats(opened.tensors.get('half')!))).to.deep.equal([1]);
    expect(Array.from(opened.tensors.get('z.bytes')!.read())).to.deep.equal([1, 2, 3]);
    expect(opened.tensors.get('none')!.shape).to.deep.equal([0, 5]);
    expect(opened.tensors.get('a.weight')!.file!.offset % 64).to.equal(0);
  });

  const bad: Readonly<Record<string, { bytes: Uint8Array; reason: string }>> = {
    'overlapping tensors': {
      bytes: file({ a: entry(0, 12), b: entry(8, 16) }),
      reason: "'a' and 'b' overlap",
    },
    'data outside the file': { bytes: file({ a: entry(8, 24) }), reason: 'outside the 16 bytes' },
    'offsets in the wrong order': { bytes: file({ a: entry(8, 4, [1]) }), reason: 'outside' },
    'negative offsets': {
      bytes: file({ a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }),
      reason: 'no valid data offsets',
    },
    'offsets past what a number holds': {
      bytes: file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e30]}}'),
      reason: 'no valid data offsets',
    },
    'a shape of another size': { bytes: file({ a: entry(0, 8, [3]) }), reason: 'not the 12 of its shape' },
    'a shape that is no shape': {
      bytes: file({ a: { dtype: 'F32', shape: [1.5], data_offsets: [0, 4] } }),
      reason: 'no valid shape',
    },
    'an unknown dtype': { bytes: file({ a: entry(0, 4, [1], 'F99') }), reason: '"F99"' },
    'a header longer than the file': { bytes: file({}, new Uint8Array(0), 1000), reason: 'does not fit' },
    'a header of absurd length': { bytes: file({}, new Uint8Array(0), 2 ** 52), reason: 'does not fit' },
    'a header that is not JSON': { bytes: file('{"a":'), reason: 'not JSON' },
    'a header that is a list': { bytes: file([]), reason: 'not an object' },
    'metadata that is not text': { bytes: file({ __metadata__: { n: 1 } }), reason: 'metadata' },
    'a name for two tensors': {
      bytes: file(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      ),
      reason: "the field 'a' is there twice",
    },
    'two shapes of one tensor': {
      bytes: file('{"a":{"dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,4]}}'),
      reason: "the field 'shape' is there twice",
    },
    'a shape of more elements than can be counted': {
      bytes: file({ a: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 16] } }),
      reason: 'more elements than can be counted',
    },
    'a shape whose product is no number': {
      bytes: file({
        a: { dtype: 'F32', shape: [...new Array<number>(30).fill(2 ** 50), 0], data_offsets: [0, 0] },
      }),
      reason: 'more elements than can be counted',
    },
    'a shape of a thousand axes': {
      bytes: file({ a: { dtype: 'F32', shape: new Array<number>(1000).fill(1), data_offsets: [0, 4] } }),
      reason: 'no valid shape',
    },
    'a dtype that is a list of lists': {
      bytes: file({ a: { dtype: [[[1]]], shape: [1], data_offsets: [0, 4] } }),
      reason: 'unknown dtype [[[1]]]',
    },
    'a header of brackets': { bytes: file('['.repeat(1e6)), reason: 'nested deeper' },
    'a header in another encoding': { bytes: file('\u{fffe}').fill(0xff, 8), reason: 'not JSON in UTF-8' },
    'metadata that is nothing': { bytes: file('{"__metadata__": null}'), reason: 'metadata' },
    'more tensors than any model has': {
      bytes: file(
        Object.fromEntries(Array.from({ length: 140_000 }, (_, index) => [`t${index}`, entry(0, 0, [0])])),
      ),
      reason: 'has 140000 tensors',
    },
    'an empty file': { bytes: new Uint8Array(0), reason: 'only 0 bytes' },
  };
  for (const [name, { bytes, reason }] of Object.entries(bad)) {
    it(`${name}: refused with a reason`, () => {
      const path = temporary('bad.safetensors');
      writeFileSync(path, bytes);
      expect(() => openSafetensors(path))
        .to.throw(InputError, reason)
        .with.property('message')
        .that.includes(path);
    });
  }

  it('names that mean something to JavaScript are names', () => {
    const names = ['__proto__', 'constructor', 'toString', '7'];
    const tensors = new Map(names.map((name, index) => [name, storedFloats([1], Float32Array.of(index))]));
    writeFileSync(temporary('names.safetensors'), Buffer.concat([...serializeSafetensors(tensors)]));
    const opened = openSafetensors(temporary('names.safetensors')).tensors;
    expect([...opened.keys()].sort()).to.deep.equal([...names].sort());
    for (const [index, name] of names.entries())
      expect(Array.from(readFloats(opened.get(name)!)), name).to.deep.equal([index]);
  });

  it('names are quoted in part and without control characters', () => {
    const name = `\u001b[2J${'x'.repeat(1e6)}`;
    for (const header of [
      { [name]: 7 },
      { [name]: entry(0, 8, [3]) },
      { [name]: entry(0, 8), b: entry(4, 12) },
    ]) {
      writeFileSync(temporary('long.safetensors'), file(header));
      expect(() => openSafetensors(temporary('long.safetensors')))
        .to.throw(InputError)
        .with.property('message')
        .that.satisfies((message: string) => message.length < 500 && !message.includes('\u001b'));
    }
  });

  it('folders and devices are named', () => {
    expect(() => openSafetensors(temporary('.'))).to.throw(InputError, 'it is a folder');
    expect(() => openSafetensors('/dev/zero')).to.throw(InputError, '/dev/zero: it is a pipe or a device');
  });

  it('a missing file is named', () => {
    expect(() => openSafetensors(temporary('none'))).to.throw(InputError, 'no such file');
  });
});
