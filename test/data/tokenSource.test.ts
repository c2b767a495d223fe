import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { openImageSource } from '../../src/data/imageSource.js';
import { encodeNpyBytes, parseNpy } from '../../src/data/npy.js';
import { encodeNpz, readNpz } from '../../src/data/npz.js';
import { openTokenSet } from '../../src/data/tokenSource.js';
import { InputError } from '../../src/errors.js';
import { temporaryFolder } from '../support/temporary.js';

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
    const set = openTokenSet(temporary('randar'), 16384)!;
    expect([set.variants, set.positions]).to.deep.equal([2, 3]);
    expect([...set.classIds]).to.deep.equal([0, 2, 10]);
    expect([...set.tokens.subarray(12)]).to.deep.equal([7, 8, 9, 10, 11, 12]);
  });

  it("LlamaGen's layout: codes and labels by number", () => {
    for (const index of [0, 1, 2, 10]) {
      write(`llamagen/imagenet256_codes/${index}.npy`, npy('<i2', '(1, 1, 2)', int16(index, index + 1)));
      write(`llamagen/imagenet256_labels/${index}.npy`, npy('<i8', '(1,)', int64(100 + index)));
    }
    const set = openTokenSet(temporary('llamagen'), 16384)!;
    expect([...set.classIds]).to.deep.equal([100, 101, 102, 110]);
    expect([...set.tokens]).to.deep.equal([0, 1, 1, 2, 2, 3, 10, 11]);
  });

  it('JSON lines', () => {
    write('tokens.jsonl', '{"tokens":[1,2],"class_id":3}\n{"tokens":[4,5]}\n');
    const set = openTokenSet(temporary('tokens.jsonl'), 16384)!;
    expect([...set.classIds]).to.deep.equal([3, 0]);
    expect([...set.tokens]).to.deep.equal([1, 2, 4, 5]);
    write('uneven.jsonl', '{"tokens":[1,2]}\n{"tokens":[4]}\n');
    expect(() => openTokenSet(temporary('uneven.jsonl'), 16384)).to.throw(
      InputError,
      'uneven.jsonl: line 2: 1×1 tokens',
    );
  });

  it('a folder of images is no token data set', () => {
    write('images/cat/1.png', 'x');
    expect(openTokenSet(temporary('images'), 16384)).to.equal(undefined);
    expect(openTokenSet(temporary('nowhere'), 16384)).to.equal(undefined);
  });
});
