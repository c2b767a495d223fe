import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { openImageSource } from '../../src/data/imageSource.js';
import { encodeNpyBytes, parseNpy } from '../../src/data/npy.js';
import { encodeNpz, readNpz } from '../../src/data/npz.js';
import { openTokenSet } from '../../src/data/tokenSource.js';
import { InputError } from '../../src/errors.js';
import { npyFile, npyWithHeader } from '../support/arrays.js';
import { temporaryFolder } from '../support/temporary.js';
import { indicesBelow } from '../support/codes.js';

/** A .npy file as numpy writes it. */
function npy(descr: string, shape: string, data: Buffer, order = 'False'): Buffer {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`
    .padEnd(117)
    .concat('\n');
  const prefix = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  prefix.writeUInt16LE(header.length, 8);
  return Buffer.concat([prefix, Buffer.from(header, 'latin1'), data]);
}

const int16 = (...values: readonly number[]) => Buffer.from(Int16Array.from(values).buffer);
const int64 = (...values: readonly number[]) => Buffer.from(BigInt64Array.from(values, BigInt).buffer);

describe('npy and npz', () => {
  const temporary = temporaryFolder();

  it('arrays of integers are read whatever their width', () => {
    expect(parseNpy(npy('<i2', '(2, 2)', int16(1, 2, 3, -4)), 'a')).to.deep.equal({
      shape: [2, 2],
      data: Int32Array.of(1, 2, 3, -4),
    });
    expect([...parseNpy(npy('<i8', '(3,)', int64(1, 2, 16383)), 'a').data]).to.deep.equal([1, 2, 16383]);
    const bytes = encodeNpyBytes([3], [Uint8Array.of(9, 8, 7)]);
    expect(parseNpy(bytes, 'a')).to.deep.equal({ shape: [3], data: Uint8Array.of(9, 8, 7) });
  });

  for (const [what, bytes, message] of [
    ['another file', Buffer.from('no array at all'), 'its header is another'],
    ['floats', npy('<f4', '(1,)', Buffer.alloc(4)), 'not integers'],
    ['columns first', npy('<i2', '(1,)', int16(1), 'True'), 'row-major'],
    ['too few bytes', npy('<i2', '(5,)', int16(1)), '5 elements are announced, 1 are there'],
    ['huge numbers', npy('<i8', '(1,)', int64(2 ** 40)), 'too large'],
    ['numbers that 64 bits make negative', npyFile('u8', [1], [2n ** 64n - 1n]), 'too large'],
    ['numbers just beyond 32 bits', npyFile('u8', [2], [0, 2n ** 31n]), 'element 1 is 2147483648, too large'],
    ['big-endian numbers', npy('>i4', '(1,)', Buffer.alloc(4)), 'big-endian'],
    ['names', npy('<U3', '(1,)', Buffer.alloc(12)), 'not integers; remove it'],
    ['a version of the future', npyWithHeader('{}', Buffer.alloc(4), 9), 'version 9 is unknown'],
    ['a header longer than the file', npyWithHeader('x', Buffer.alloc(4), 2).fill(0xff, 8, 12), 'cut short'],
    ['a header of megabytes', npyWithHeader(' '.repeat(1 << 21), Buffer.alloc(4), 2), 'is too long'],
    [
      'a shape whose product overflows',
      npy('|u1', `(${'4294967296, '.repeat(8)})`, Buffer.alloc(0)),
      'too large',
    ],
    ['a hundred axes', npy('|u1', `(${'1,'.repeat(40)})`, Buffer.alloc(1)), 'its shape is too large'],
    [
      '10⁹ elements without bytes',
      npy('|u1', '(1000000000,)', Buffer.alloc(1)),
      '1000000000 elements are announced',
    ],
  ] as const)
    it(`refuses ${what}`, () => {
      expect(() => parseNpy(bytes, 'codes.npy')).to.throw(InputError, message);
      expect(() => parseNpy(bytes, 'codes.npy')).to.throw(InputError, 'codes.npy');
    });

  it('an archive of images is an image source', async () => {
    const images = [10, 20].map((value) => ({ width: 2, height: 1, data: new Uint8Array(6).fill(value) }));
    writeFileSync(temporary('images.npz'), await encodeNpz(images));
    const arrays = await readNpz(temporary('images.npz'));
    expect(arrays.get('arr_0')!.shape).to.deep.equal([2, 1, 2, 3]);
    const source = await openImageSource(temporary('images.npz'));
    expect([source.count, source.labels, source.classOf(1)]).to.deep.equal([2, ['0'], 0]);
    expect(await source.image(1)).to.deep.equal(images[1]);
    writeFileSync(temporary('broken.npz'), 'PK no archive');
    const error = await openImageSource(temporary('broken.npz')).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(InputError);
    expect((error as Error).message).to.include('broken.npz: not a usable .npz archive');
  });
});

describe('token data sets', () => {
  const temporary = temporaryFolder();
  const write = (path: string, bytes: string | Buffer) => {
    mkdirSync(temporary(path.split('/').slice(0, -1).join('/')), { recursive: true });
    writeFileSync(temporary(path), bytes);
  };

  it("RandAR's layout: a folder per class, a file per image, a row per variant", () => {
    write('randar/0/5.npy', npy('<i2', '(2, 3)', int16(1, 2, 3, 4, 5, 6)));
    write('randar/10/1.npy', npy('<i2', '(2, 3)', int16(7, 8, 9, 10, 11, 12)));
    write('randar/2/1.npy', npy('<i2', '(2, 3)', int16(0, 0, 0, 0, 0, 0)));
    const set = openTokenSet(temporary('randar'), indicesBelow(16384))!;
    expect([set.variants, set.positions]).to.deep.equal([2, 3]);
    expect([...set.classIds]).to.deep.equal([0, 2, 10]);
    expect([...set.tokens.subarray(12)]).to.deep.equal([7, 8, 9, 10, 11, 12]);
  });

  it("LlamaGen's layout: codes and labels by number", () => {
    for (const index of [0, 1, 2, 10]) {
      write(`llamagen/imagenet256_codes/${index}.npy`, npy('<i2', '(1, 1, 2)', int16(index, index + 1)));
      write(`llamagen/imagenet256_labels/${index}.npy`, npy('<i8', '(1,)', int64(100 + index)));
    }
    const set = openTokenSet(temporary('llamagen'), indicesBelow(16384))!;
    expect([...set.classIds]).to.deep.equal([100, 101, 102, 110]);
    expect([...set.tokens]).to.deep.equal([0, 1, 1, 2, 2, 3, 10, 11]);
  });

  it('JSON lines', () => {
    write('tokens.jsonl', '{"tokens":[1,2],"class_id":3}\n{"tokens":[4,5],"class_id":0}\n');
    const set = openTokenSet(temporary('tokens.jsonl'), indicesBelow(16384))!;
    expect([...set.classIds]).to.deep.equal([3, 0]);
    expect([...set.tokens]).to.deep.equal([1, 2, 4, 5]);
    expect([set.grid, set.pictures]).to.deep.equal([undefined, undefined]);
    write('uneven.jsonl', '{"tokens":[1,2]}\n{"tokens":[4]}\n');
    expect(() => openTokenSet(temporary('uneven.jsonl'), indicesBelow(16384))).to.throw(
      InputError,
      'uneven.jsonl: line 2: 1×1 tokens',
    );
  });

  const linesOf = (...lines: readonly object[]) => lines.map((line) => JSON.stringify(line)).join('\n');
  const four = { tokens: [1, 2, 3, 4] };

  it('the grid of JSON lines is theirs, and lines that contradict it or each other are refused', () => {
    write('wide.jsonl', linesOf({ ...four, grid: [1, 4] }, { ...four, grid: [1, 4] }));
    expect(openTokenSet(temporary('wide.jsonl'), indicesBelow(9))!.grid).to.deep.equal({
      height: 1,
      width: 4,
    });
    write('square.jsonl', linesOf(four, { ...four, grid: [2, 2] }, four));
    expect(openTokenSet(temporary('square.jsonl'), indicesBelow(9))!.grid).to.deep.equal({
      height: 2,
      width: 2,
    });
    for (const [lines, message] of [
      [[four, { ...four, grid: [1, 4] }], 'line 2: a grid of 1×4 tokens where .*line 1 has 2×2'],
      [[{ ...four, grid: [1, 4] }, four], 'line 2: a grid of 2×2 tokens where .*line 1 has 1×4'],
      [
        [
          { ...four, grid: [1, 4] },
          { ...four, grid: [4, 1] },
        ],
        'line 2: a grid of 4×1',
      ],
      [[four, { ...four, grid: [2, 3] }], 'line 2: 4 tokens do not fill a grid of 2×3'],
      [[{ tokens: [1, 2], grid: [1, 2] }, { tokens: [1, 2] }], 'line 2: 2 tokens do not fill a grid'],
    ] as const) {
      write('grids.jsonl', linesOf(...lines));
      expect(() => openTokenSet(temporary('grids.jsonl'), indicesBelow(9))).to.throw(
        InputError,
        new RegExp(message),
      );
    }
  });

  it('all JSON lines have a class, or none has and all are of one', () => {
    write('none.jsonl', linesOf(four, four));
    const set = openTokenSet(temporary('none.jsonl'), indicesBelow(9))!;
    expect([set.classes, [...set.classIds]]).to.deep.equal([1, [0, 0]]);
    expect(set.notes.join()).to.include('no line has a class_id: all images are of one class');
    for (const [lines, message] of [
      [[{ ...four, class_id: 1 }, four], 'line 2: it has no class_id, and .*line 1 has one'],
      [[four, four, { ...four, class_id: 0 }], 'line 1: it has no class_id, and .*line 3 has one'],
      [
        [
          { ...four, class: 'cat' },
          { ...four, class: 'dog' },
        ],
        "line 1: the class 'cat' has no number",
      ],
      [
        [
          { ...four, class_id: null },
          { ...four, class: 'dog' },
        ],
        'line 1: it has no class_id',
      ],
    ] as const) {
      write('some.jsonl', linesOf(...lines));
      expect(() => openTokenSet(temporary('some.jsonl'), indicesBelow(9))).to.throw(
        InputError,
        new RegExp(message),
      );
    }
  });

  it('JSON lines of one source are of one picture', () => {
    const [cat, dog] = [{ source: 'cat.png' }, { source: 'dog.png' }];
    write(
      'crops.jsonl',
      linesOf(
        { ...four, ...dog },
        { ...four, ...cat, crop: 0 },
        four,
        { ...four, ...cat, flipped: true },
        four,
      ),
    );
    const set = openTokenSet(temporary('crops.jsonl'), indicesBelow(9))!;
    expect([...set.pictures!]).to.deep.equal([0, 1, 2, 1, 4]);
    expect(set.notes.join()).to.include('its 5 images are of 4 pictures, which are held out whole');
  });

  it('JSON lines name their classes, and places by the line', () => {
    const lines = ['', '{"tokens":[1],"class_id":2,"class":"cat"}', '', '{"tokens":[2],"class_id":0}'];
    write('named.jsonl', `\uFEFF${lines.join('\r\n')}`);
    const set = openTokenSet(temporary('named.jsonl'), indicesBelow(3))!;
    expect([set.labels, set.classes]).to.deep.equal([['0', '1', 'cat'], 3]);
    expect(set.notes.join()).to.include('1 of 3 classes have no images: 1');
    expect(() => openTokenSet(temporary('named.jsonl'), indicesBelow(2))).to.throw(
      InputError,
      'named.jsonl: line 4: token 2 is outside the codebook of 2',
    );
    write('renamed.jsonl', `${lines.join('\n')}\n{"tokens":[1],"class_id":2,"class":"dog"}`);
    expect(() => openTokenSet(temporary('renamed.jsonl'), indicesBelow(3))).to.throw(
      InputError,
      "line 5: class 2 is 'dog' here",
    );
  });

  it('classes and tokens that 32 bits would wrap are refused by their place', () => {
    write('wrapped/4294967299/0.npy', npyFile('i4', [1, 4]));
    expect(() => openTokenSet(temporary('wrapped'), indicesBelow(16))).to.throw(
      InputError,
      '4294967299/0.npy: the class 4294967299',
    );
    write('below/0/0.npy', npyFile('i4', [1, 4], [1, 2, -3, 4]));
    expect(() => openTokenSet(temporary('below'), indicesBelow(16))).to.throw(
      InputError,
      '0/0.npy: token -3 is outside',
    );
    write('labelled/x_codes/0.npy', npyFile('i4', [1, 4]));
    write('labelled/x_labels/0.npy', npyFile('i8', [1], [2n ** 32n]));
    expect(() => openTokenSet(temporary('labelled'), indicesBelow(16))).to.throw(
      InputError,
      'x_labels/0.npy',
    );
    write('labelled/x_labels/0.npy', npyFile('i8', [2], [1, 2]));
    expect(() => openTokenSet(temporary('labelled'), indicesBelow(16))).to.throw(
      InputError,
      'it holds 2 classes instead of one',
    );
  });

  it('codes are chosen by the part that their name tells, and said', () => {
    for (const part of ['test', 'train']) {
      write(`parts/${part}_codes/0.npy`, npyFile('i4', [1, 1], [part === 'train' ? 7 : 3]));
      write(`parts/${part}_labels/0.npy`, npyFile('i4', [1]));
    }
    const set = openTokenSet(temporary('parts'), indicesBelow(16))!;
    expect([...set.tokens]).to.deep.equal([7]);
    expect(set.notes[0]).to.include('uses train_codes; not used: test_codes');
    write('parts/more_train_codes/0.npy', npyFile('i4', [1, 1]));
    write('parts/more_train_labels/0.npy', npyFile('i4', [1]));
    expect(() => openTokenSet(temporary('parts'), indicesBelow(16))).to.throw(
      InputError,
      'which are the tokens',
    );
  });

  it('a link that leads nowhere is no class folder', () => {
    write('links/0/0.npy', npyFile('i4', [1, 4]));
    symlinkSync('nowhere', temporary('links/1'));
    symlinkSync('2', temporary('links/2'));
    expect(openTokenSet(temporary('links'), indicesBelow(16))!.classes).to.equal(1);
  });

  it('class folders called codes and labels are folders of images', () => {
    write('words/barcodes/1.png', 'x');
    write('words/barlabels/1.png', 'x');
    expect(openTokenSet(temporary('words'), indicesBelow(16))).to.equal(undefined);
  });

  it('a folder of images is no token data set', () => {
    write('images/cat/1.png', 'x');
    expect(openTokenSet(temporary('images'), indicesBelow(16384))).to.equal(undefined);
    expect(openTokenSet(temporary('nowhere'), indicesBelow(16384))).to.equal(undefined);
  });
});
