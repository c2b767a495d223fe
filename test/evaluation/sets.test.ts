import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { encodePng } from '../../src/data/image.js';
import { encodeNpyBytes } from '../../src/data/npy.js';
import { encodeNpzDoubles, openNpz } from '../../src/data/npzFile.js';
import { InputError } from '../../src/errors.js';
import { inceptionScore } from '../../src/evaluation/inceptionScore.js';
import { mergeParts } from '../../src/evaluation/mergeParts.js';
import type { Features } from '../../src/evaluation/moments.js';
import { openPictureSet, requireNetwork } from '../../src/evaluation/pictureSet.js';
import { shardRange } from '../../src/shard.js';
import { gatherStatistics, mergeStatistics, type SetStatistics } from '../../src/evaluation/setStatistics.js';
import { encodePart, readPart } from '../../src/evaluation/statisticsFile.js';
import type { RgbImage } from '../../src/data/image.js';
import { doubleProduct } from '../../src/targets/onnx/doubleProduct.js';
import { temporaryFolder } from '../support/temporary.js';

const image = (value: number): RgbImage => ({ width: 2, height: 2, data: new Uint8Array(12).fill(value) });

/** A network whose features are the first pixel and its square. */
const network = {
  name: 'pixels',
  digest: 'aa',
  async extract(images: readonly RgbImage[]) {
    const rows = images.map(({ data }) => data[0]! / 255);
    const of = (width: number, values: readonly number[]): Features => ({
      count: images.length,
      width,
      values: Float32Array.from(values),
    });
    return {
      pool: of(
        2,
        rows.flatMap((row) => [row, row ** 2]),
      ),
      spatial: of(1, rows),
      probabilities: {
        count: images.length,
        classes: 2,
        values: Float32Array.from(rows.flatMap((row) => [row, 1 - row])),
      },
    };
  },
  async dispose() {},
};

async function* imagesOf(values: readonly number[]): AsyncGenerator<RgbImage> {
  for (const value of values) yield image(value);
}

const VALUES = Array.from({ length: 41 }, (_, at) => (at * 37) % 256);

describe('statistics of sets of pictures', () => {
  const temporary = temporaryFolder();
  const gather = async (start: number, end: number): Promise<SetStatistics> => {
    const product = doubleProduct();
    const gathered = await gatherStatistics(imagesOf(VALUES.slice(start, end)), network, product, {
      first: start,
    });
    await product.dispose();
    return gathered!;
  };
  const writePart = (
    name: string,
    statistics: SetStatistics,
    index: number,
    count: number,
    total = VALUES.length,
    set = 'ff',
  ) => {
    mkdirSync(temporary('.'), { recursive: true });
    const file = temporary(name);
    writeFileSync(file, Buffer.concat([...encodePart({ shard: { index, count }, set, total, statistics })]));
    return file;
  };

  it('parts that are written, read and merged are the whole', async () => {
    const whole = await gather(0, VALUES.length);
    const files: string[] = [];
    for (const index of [3, 1, 2]) {
      const { start, end } = shardRange(VALUES.length, { index, count: 3 });
      files.push(writePart(`part-${index}.safetensors`, await gather(start, end), index, 3));
    }
    const merged = mergeParts(files);
    expect(merged.rows).to.deep.equal(whole.rows);
    expect(merged.pool.count).to.equal(VALUES.length);
    for (const [at, value] of whole.pool.scatter.entries())
      expect(merged.pool.scatter[at]).to.be.closeTo(value, 1e-13);
    expect(merged.spatial!.mean[0]).to.be.closeTo(whole.spatial!.mean[0]!, 1e-15);
    expect(inceptionScore(merged.scores!)).to.be.closeTo(inceptionScore(whole.scores!), 1e-13);
  });

  it('nothing comes of no pictures', async () => {
    const product = doubleProduct();
    expect(await gatherStatistics(imagesOf([]), network, product)).to.equal(undefined);
    await product.dispose();
  });

  it('parts that do not belong together are refused by the file', async () => {
    const [one, other] = [await gather(0, 20), await gather(20, 41)];
    const first = writePart('first.safetensors', one, 1, 2);
    for (const [file, says] of [
      [writePart('twice.safetensors', other, 1, 2), 'the same part as'],
      [writePart('three.safetensors', other, 2, 3), 'part 2 of 3'],
      [writePart('fewer.safetensors', other, 2, 2, 40), 'of 40 pictures'],
      [writePart('pictures.safetensors', other, 2, 2, 41, 'ee'), 'of other pictures'],
      [writePart('network.safetensors', { ...other, digest: 'bb' }, 2, 2), 'another network'],
    ] as const)
      expect(() => mergeParts([first, file])).to.throw(InputError, says);
    expect(() => mergeParts([first, first])).to.throw(InputError, 'named twice');
    expect(() => mergeParts([first])).to.throw(InputError, '2 are missing');
    const short = writePart('short.safetensors', await gather(20, 40), 2, 2);
    expect(() => mergeParts([first, short])).to.throw(InputError, '40 of 41 pictures');
    expect(mergeStatistics(one, other).rows.count).to.equal(41);
  });

  it('files that are others or damaged are refused by their name', async () => {
    const whole = await gather(0, 9);
    const read = (statistics: SetStatistics) => () =>
      readPart(writePart('odd.safetensors', statistics, 1, 1, 9));
    expect(read(whole)().statistics.rows.count).to.equal(9);
    const rows = { ...whole.rows, values: whole.rows.values.map(() => Number.NaN) };
    expect(read({ ...whole, rows })).to.throw(InputError, /odd\.safetensors: .*not finite/);
    const pool = { ...whole.pool, count: 8 };
    expect(read({ ...whole, pool })).to.throw(InputError, 'other features than it counts');
    writeFileSync(
      temporary('other.safetensors'),
      Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
    );
    expect(() => readPart(temporary('other.safetensors'))).to.throw(InputError, 'not written by arpg eval');
  });

  it('shards are all of a set, each once', () => {
    for (const [total, count] of [
      [10, 3],
      [2, 5],
      [50_000, 7],
    ] as const) {
      const ranges = Array.from({ length: count }, (_, at) => shardRange(total, { index: at + 1, count }));
      expect(ranges[0]!.start).to.equal(0);
      expect(ranges.at(-1)!.end).to.equal(total);
      for (const [at, { end }] of ranges.slice(0, -1).entries()) expect(ranges[at + 1]!.start).to.equal(end);
    }
  });
});

describe('archives of pictures and statistics', () => {
  const temporary = temporaryFolder();
  const archive = async (
    name: string,
    members: Readonly<Record<string, Uint8Array>>,
    options: object = {},
  ) => {
    const zip = new ZipFile();
    for (const [member, bytes] of Object.entries(members))
      zip.addBuffer(Buffer.from(bytes), `${member}.npy`, { compress: false, ...options });
    zip.end();
    mkdirSync(temporary('.'), { recursive: true });
    writeFileSync(temporary(name), await buffer(zip.outputStream));
    return temporary(name);
  };
  const pixels = (count: number) => Uint8Array.from({ length: count }, (_, at) => at % 251);

  it('pictures are read one at a time, stored or compressed, with sizes of 64 bits', async () => {
    const bytes = encodeNpyBytes([3, 2, 4, 3], [pixels(72)]);
    for (const options of [{}, { compress: true }, { forceZip64Format: true }]) {
      const path = await archive(
        'pictures.npz',
        { arr_0: bytes, labels: encodeNpyBytes([3], [pixels(3)]) },
        options,
      );
      const { pictures } = await openPictureSet(path);
      expect(pictures!.count).to.equal(3);
      expect(await pictures!.read(1)).to.deep.equal({ width: 4, height: 2, data: pixels(72).slice(24, 48) });
    }
  });

  it('grey pictures become colour', async () => {
    const path = await archive('grey.npz', { images: encodeNpyBytes([2, 1, 2], [pixels(4)]) });
    const { pictures } = await openPictureSet(path);
    expect([...(await pictures!.read(1)).data]).to.deep.equal([2, 2, 2, 3, 3, 3]);
  });

  it('what is no picture is refused by the array', async () => {
    const float = Buffer.from(encodeNpyBytes([1, 2, 2, 3], [pixels(12)]))
      .toString('latin1')
      .replace("'|u1'", "'<f4'");
    for (const [members, says] of [
      [{ arr_0: Buffer.from(float, 'latin1') }, /arr_0.*no bytes, 0 to 255/],
      [{ arr_0: encodeNpyBytes([2, 3, 4, 4], [pixels(96)]) }, /shape is \[2, 3, 4, 4\]/],
      [{ arr_0: encodeNpyBytes([2, 2, 2, 3], [pixels(23)]) }, /12 bytes are announced, 23 bytes are there/],
      [{ arr_0: encodeNpyBytes([0, 2, 2, 3], []) }, /holds no pictures/],
      [
        { a: encodeNpyBytes([1], [pixels(1)]), b: encodeNpyBytes([1], [pixels(1)]) },
        /which are the pictures\?/,
      ],
    ] as const) {
      const path = await archive('odd.npz', members);
      const failure = await openPictureSet(path).catch((error: Error) => error);
      expect(failure).to.be.instanceOf(InputError);
      expect((failure as Error).message).to.match(says);
    }
  });

  it('statistics that are written are read again, and told from those of other networks', async () => {
    mkdirSync(temporary('.'), { recursive: true });
    const [mean, covariance] = [Float64Array.of(1, 2), Float64Array.of(1, 0.5, 0.5, 3)];
    const arrays = { mu: { shape: [2], data: mean }, sigma: { shape: [2, 2], data: covariance } };
    const pieces: Uint8Array[] = [];
    for await (const piece of encodeNpzDoubles(arrays)) pieces.push(piece);
    writeFileSync(temporary('statistics.npz'), Buffer.concat(pieces));
    const set = await openPictureSet(temporary('statistics.npz'));
    expect(set.pictures).to.equal(undefined);
    expect(set.gaussians.pool).to.deep.equal({ mean, covariance });
    requireNetwork(set, { name: 'pixels' }, 2);
    expect(() => requireNetwork(set, { name: 'pixels' }, 3)).to.throw(InputError, 'of 2 features');
    const file = await openNpz(temporary('statistics.npz'));
    expect(() => file.floats('nu')).to.throw(InputError, "no array 'nu'");
    expect(() => file.pictures('mu')).to.throw(InputError, 'no bytes');
  });

  it('a folder of pictures is a set', async () => {
    mkdirSync(temporary('folder'), { recursive: true });
    for (const name of ['10', '9', '1'])
      writeFileSync(temporary(`folder/${name}.png`), encodePng(image(Number(name))));
    const { pictures } = await openPictureSet(temporary('folder'));
    const values: number[] = [];
    for (let index = 0; index < pictures!.count; index++) values.push((await pictures!.read(index)).data[0]!);
    expect(values.toSorted((a, b) => a - b)).to.deep.equal([1, 9, 10]);
  });
});
