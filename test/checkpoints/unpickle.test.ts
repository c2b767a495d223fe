import { expect } from 'chai';
import { type Encoded, pickle } from '../../src/checkpoints/pickleProgram.js';
import {
  OpaqueObject,
  PickleError,
  PickleGlobal,
  type PickleValue,
} from '../../src/checkpoints/pickleValues.js';
import { callTorchGlobal, torchStorage } from '../../src/checkpoints/torchGlobals.js';
import { unpickle } from '../../src/checkpoints/unpickle.js';

/** Instructions given as bytes and text. */
const code = (...parts: readonly (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number'
        ? Buffer.of(part)
        : typeof part === 'string'
          ? Buffer.from(part, 'latin1')
          : part,
    ),
  );

const read = (...parts: readonly (number | string | Uint8Array)[]): PickleValue =>
  unpickle(code(...parts, '.'), { call: callTorchGlobal, resolvePersistent: (id) => torchStorage(id, 'x') });

const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);

describe('pickles', () => {
  it('of protocols 2 to 5 are read', () => {
    expect(read(0x80, 2, 'K', 7)).to.equal(7);
    expect(read(0x80, 5, 0x95, u64(99n), 'J', u32(0xffffffff))).to.equal(-1);
    expect(read('M', 1, 2)).to.equal(513);
    expect(read('G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)).to.equal(1.5);
    expect(read(0x8a, 0)).to.equal(0);
    expect(read(0x8a, 2, 0xff, 0x7f)).to.equal(32767);
    expect(read(0x8a, 1, 0xff)).to.equal(-1);
    expect(read(0x8a, 9, ...new Array<number>(8).fill(0), 1)).to.equal(2n ** 64n);
    expect(read('X', u32(4), 'gr\xc3\xbc')).to.equal('grü');
    expect(read(0x8c, 2, 'ab')).to.equal('ab');
    expect(read(0x8d, u64(2n), 'ab')).to.equal('ab');
    expect(read('(K', 1, 'K', 2, 't')).to.deep.equal([1, 2]);
    expect(read(')')).to.deep.equal([]);
    expect(read('](K', 1, 'Ne')).to.deep.equal([1, null]);
    expect(read('}(K', 1, 0x88, 'K', 2, 0x89, 'u')).to.deep.equal(
      new Map([
        [1, true],
        [2, false],
      ]),
    );
    expect(read('}', 0x94, 'K', 1, 'h', 0, 's')).to.be.instanceOf(Map);
    expect(read(0x8c, 1, 'm', 0x8c, 1, 'n', 0x93))
      .to.be.instanceOf(PickleGlobal)
      .with.property('name', 'm.n');
  });

  it('bytes, sets, and whatever Python would have to make stand for themselves', () => {
    const opaque: Readonly<Record<string, readonly (number | string | Uint8Array)[]>> = {
      bytes: ['C', 3, 'abc'],
      'long bytes': ['B', u32(3), 'abc'],
      'bytes of protocol 4': [0x8e, u64(3n), 'abc'],
      'byte arrays': [0x96, u64(3n), 'abc'],
      sets: [0x8f, '(K', 1, 0x90],
      'frozen sets': ['(K', 1, 0x91],
      calls: ['cposix\nsystem\n', 0x8c, 2, 'ls', 0x85, 'R'],
      'calls of what a call gave': ['cbuiltins\ngetattr\n)R)R'],
      objects: ['cpathlib\nPosixPath\n)', 0x81],
      'objects with named arguments': ['cm\nC\n)}', 0x92],
      'objects with state': ['cm\nC\n)', 0x81, '}b'],
      'lists of a kind': ['ccollections\ndeque\n)R(K', 1, 'e'],
    };
    for (const [name, program] of Object.entries(opaque))
      expect(read(...program), name).to.be.instanceOf(OpaqueObject);
    expect(read('cposix\nsystem\n)R')).to.have.property('origin', 'posix.system');
    const kind = read('ceasydict\nEasyDict\n)R(', 0x8c, 1, 'a', 'K', 1, 'u') as OpaqueObject;
    expect(kind.items).to.deep.equal(new Map([['a', 1]]));
  });

  const dictionaries = {
    OrderedDict: code('ccollections\nOrderedDict\n]', 0x8c, 1, 'a', 'K', 1, 0x86, 'a', 0x85, 'R'),
    defaultdict: code(
      'ccollections\ndefaultdict\nc__builtin__\nlist\n',
      0x85,
      'R',
      0x8c,
      1,
      'a',
      'K',
      1,
      's',
    ),
  };
  for (const [name, program] of Object.entries(dictionaries))
    it(`${name} is a dictionary`, () => {
      expect(read(program)).to.deep.equal(new Map([['a', 1]]));
    });

  const storage = pickle.tuple(
    pickle.text('storage'),
    pickle.global('torch', 'FloatStorage'),
    pickle.text('0'),
    pickle.text('cpu'),
    pickle.int(4),
  );
  const rebuild = (made: Encoded) =>
    pickle.call(
      pickle.global('torch._utils', '_rebuild_tensor_v2'),
      made,
      pickle.int(0),
      pickle.tuple(pickle.int(4)),
      pickle.tuple(pickle.int(1)),
    );

  it('tensors and parameters are told from everything else', () => {
    const tensor = rebuild(pickle.persistent(storage));
    expect(read(tensor)).to.have.property('kind', 'tensor');
    const parameter = pickle.global('torch._utils', '_rebuild_parameter');
    expect(read(pickle.call(parameter, tensor, pickle.false))).to.have.property('kind', 'tensor');
    const subclass = pickle.call(
      pickle.global('torch._tensor', '_rebuild_from_type_v2'),
      pickle.global('torch._utils', '_rebuild_tensor_v2'),
      pickle.global('m', 'MyTensor'),
      pickle.tuple(pickle.persistent(storage), pickle.int(0), pickle.tuple(), pickle.tuple()),
      pickle.none,
    );
    expect(read(subclass)).to.have.property('kind', 'tensor');
    const namespace = pickle.call(pickle.global('argparse', 'Namespace'));
    expect(read(rebuild(namespace)), 'of an object').to.have.property('origin', 'argparse.Namespace');
    expect(() => read(rebuild(tensor)), 'of a tensor').to.throw(
      PickleError,
      "something else than a tensor's storage",
    );
    expect(() => read(rebuild(pickle.dict({}))), 'of a dictionary').to.throw(PickleError, 'something else');
    expect(() => read(pickle.call(parameter, pickle.persistent(storage))), 'of a storage').to.throw(
      PickleError,
      'something else than a tensor',
    );
  });

  const damaged: Readonly<Record<string, readonly (number | string | Uint8Array)[]>> = {
    nothing: [],
    'a list without its mark': ['K', 1, 't'],
    'a mark in place of a value': ['(', 0x85],
    'items without a value': ['}(K', 1, 'u'],
    'items in bytes': ['C', 0, 'K', 1, 'K', 2, 's'],
    'items in a number': ['K', 1, 'K', 1, 'K', 2, 's'],
    'elements in a dictionary': ['}Na'],
    'a call of a number': ['K', 1, ')R'],
    'a call without a list': ['cm\nn\nNR'],
    'a name that is a number': ['K', 1, 'K', 2, 0x93],
    'a name without an end': ['cabc'],
    'a text longer than the file': ['X', u32(0xffffffff), 'ab'],
    'a text of 2⁶⁴ bytes': [0x8d, u64(2n ** 64n - 1n), 'ab'],
    'bytes longer than the file': [0x8e, u64(2n ** 63n), 'ab'],
    'a number of 10 MB': [0x8b, u32(10e6), new Uint8Array(10e6)],
    'protocol 9': [0x80, 9, 'N'],
    'a persistent reference that is text': [0x8c, 1, 'a', 'Q'],
  };
  for (const [name, program] of Object.entries(damaged))
    it(`${name}: refused in a short line`, () => {
      expect(() => read(...program))
        .to.throw(PickleError)
        .with.property('message')
        .that.satisfies((message: string) => message.length < 200);
    });

  it('names made of tuples in tuples are not spelled out', () => {
    const doubled = Buffer.concat(new Array<Buffer>(60).fill(code('2', 0x86)));
    expect(() => read('N', doubled, '2', 0x93)).to.throw(PickleError, 'a name is no text');
  });

  it('floods of small instructions are answered within seconds', () => {
    const flood = (bytes: number, ...unit: readonly (number | string)[]) =>
      Buffer.alloc(bytes, code(...unit));
    const list = code('](', flood(1e6, 'N'), 'e', 0x94);
    const floods: Readonly<Record<string, readonly [Buffer, string]>> = {
      dictionaries: [flood(5e5, '}'), 'more than 262144 dictionaries'],
      'tuples in tuples': [code(')', flood(5e6, 0x85)), 'more than 4194304 lists and tuples'],
      memo: [code(']', flood(3e6, 0x94)), 'more than 2097152 remembered values'],
      calls: [
        code('ccollections\nOrderedDict\n', 0x94, flood(2e6, 'h', 0, ')', 'R')),
        'more than 262144 dictionaries',
      ],
      'copies of a long list': [
        code('ccollections\nOrderedDict\n', 0x94, list, flood(1e6, 'h', 0, 'h', 1, 0x85, 'R')),
        'items of copied dictionaries',
      ],
      'views with a million axes': [
        code('ctorch\nSize\n', 0x94, list, flood(1e6, 'h', 0, 'h', 1, 0x85, 'R'), 'Q'),
        'described in an unknown way',
      ],
    };
    for (const [name, [program, reason]] of Object.entries(floods)) {
      const before = process.cpuUsage();
      expect(() => read(program), name).to.throw(PickleError, reason);
      expect(process.cpuUsage(before).user / 1e6, name).to.be.lessThan(5);
    }
  });
});
