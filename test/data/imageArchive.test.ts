import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { openImageSource, openPictures } from '../../src/data/imageSource.js';
import { type PictureList, UNLABELLED } from '../../src/data/pictureList.js';
import { type ArrayKind, idxFile, npyFile, writeNpz } from '../support/arrays.js';
import { expectInputError } from '../support/failures.js';
import { temporaryFolder } from '../support/temporary.js';

const images = (count: number, ...size: readonly number[]) =>
  npyFile('u1', [count, ...(size.length ? size : [8, 8])]);
const labels = (kind: ArrayKind, shape: readonly number[], values: readonly (number | bigint)[]) =>
  npyFile(kind, shape, values);
const classesOf = ({ count, classOf }: PictureList) =>
  Array.from({ length: count }, (_, index) => classOf(index));

describe('.npz archives of pictures', () => {
  const temporary = temporaryFolder();
  let number = 0;
  const archive = async (arrays: Readonly<Record<string, Buffer>>): Promise<string> => {
    const path = temporary(`${number++}.npz`);
    await writeNpz(path, arrays);
    return path;
  };

  for (const [what, array] of [
    ['[images]', labels('u1', [4], [0, 2, 1, 2])],
    ['[images, 1]', labels('u1', [4, 1], [0, 2, 1, 2])],
    ['[images, 1] of 64 bits', labels('i8', [4, 1], [0, 2, 1, 2])],
    ['one-hot', labels('u1', [4, 3], [1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1])],
  ] as const)
    it(`labels ${what} are each picture's class`, async () => {
      const source = await openImageSource(await archive({ images: images(4), labels: array }));
      expect(classesOf(source)).to.deep.equal([0, 2, 1, 2]);
      expect(source.labels).to.deep.equal(['0', '1', '2']);
    });

  for (const [ours, theirs] of [
    ['train_images', 'val_labels'],
    ['x_train', 'y_test'],
    ['x_test', 'y_train'],
  ] as const)
    it(`${ours} do not get ${theirs}, which belong to other pictures`, async () => {
      const path = await archive({ [ours]: images(4), [theirs]: labels('u1', [4], [0, 1, 0, 1]) });
      await expectInputError(openImageSource(path), path, 'belongs to another part');
    });

  for (const [what, array, says] of [
    ['two classes a picture', labels('u1', [2, 3], [1, 1, 0, 0, 0, 1]), 'row 0 has not a single 1'],
    ['none of the classes', labels('u1', [2, 3], [1, 0, 0, 0, 0, 0]), 'row 1 has not a single 1'],
    ['boxes', labels('i4', [2, 4], [1, 5, 9, 9, 1, 2, 3, 4]), 'row 0 has not a single 1'],
    ['another number of labels', labels('u1', [3], [0, 0, 0]), 'labels of shape [3] for 2 images'],
    ['a row of labels', labels('u1', [1, 2], [0, 1]), 'labels of shape [1, 2]'],
    ['a single number', labels('u1', [], [1]), 'labels of shape []'],
    ['negative labels', labels('i4', [2], [0, -1]), 'image 1: the class -1 is negative'],
    ['fractions', labels('f8', [2], [0, 1]), 'floating-point'],
    [
      'a label beyond all classes',
      labels('i4', [2], [0, 10_000_000]),
      'image 1: the class 10000000 is too large',
    ],
    ['a label of 2·10⁹', labels('i4', [2], [2_000_000_000, 0]), 'image 0: the class 2000000000 is too large'],
    ['a label beyond 32 bits', labels('i8', [2], [0, 4294967296n]), 'element 1 is 4294967296, too large'],
    ['a label of 2⁶⁴ − 1', labels('u8', [2], [0, 2n ** 64n - 1n]), 'too large'],
  ] as const)
    it(`refuses ${what}`, async () => {
      const path = await archive({ images: images(2), labels: array });
      await expectInputError(openImageSource(path), path, says);
    });

  it('numbers in between that no picture has are said', async () => {
    const path = await archive({ x: images(2), y: labels('u1', [2], [1, 3]) });
    const source = await openImageSource(path);
    expect(source.labels).to.have.length(4);
    expect(source.notes).to.include(`${path}: 2 of 4 classes have no images: 0, 2`);
  });

  for (const order of [
    ['x_test', 'x_train', 'y_train', 'y_test'],
    ['x_test', 'y_test', 'x_train', 'y_train'],
    ['train_images', 'train_labels', 'val_images', 'val_labels', 'test_images', 'test_labels'],
    ['testX', 'testY', 'trainX', 'trainY'],
    ['validation_data', 'validation_targets', 'train_data', 'train_targets'],
    ['test_images', 'test_labels', 'images', 'labels'],
  ])
    it(`the training part is used and said, whatever comes first: ${order.join(', ')}`, async () => {
      const isUsed = (name: string) => /train/i.test(name) || !/test|val/i.test(name);
      const arrays = order.map((name) => {
        const size = isUsed(name) ? 3 : 2;
        const isLabels = /^y|y$|labels|targets/i.test(name);
        return [
          name,
          isLabels ? labels('u1', [size], isUsed(name) ? [0, 1, 1] : [4, 4]) : images(size),
        ] as const;
      });
      const path = await archive(Object.fromEntries(arrays));
      const source = await openImageSource(path);
      expect(classesOf(source)).to.deep.equal([0, 1, 1]);
      const [used, unused] = source.notes[0]!.split('; not used: ');
      for (const name of order) expect(isUsed(name) ? used : unused).to.include(name);
    });

  it('an archive with images alone has no labels, and that is said', async () => {
    const path = await archive({ arr_0: images(2, 4, 4, 3) });
    expect((await openImageSource(path)).notes).to.deep.equal([`${path}: uses arr_0, which has no labels`]);
    expect(classesOf(await openImageSource(path))).to.deep.equal([0, 0]);
    expect(classesOf(await openPictures(path))).to.deep.equal([UNLABELLED, UNLABELLED]);
  });

  it('several arrays that could be meant are refused by name', async () => {
    const two = await archive({ arr_0: images(2), arr_1: labels('u1', [2], [0, 1]), arr_2: images(2) });
    await expectInputError(openImageSource(two), two, 'which are the images, arr_0, arr_2?');
    const labelled = await archive({
      train_images: images(2),
      fine_labels: labels('u1', [2], [0, 1]),
      coarse_labels: labels('u1', [2], [0, 0]),
    });
    await expectInputError(
      openImageSource(labelled),
      'which are the labels of train_images',
      'fine_labels [2]',
    );
    const foreign = await archive({ images: images(2), train_labels: labels('u1', [3], [0, 1, 2]) });
    await expectInputError(openImageSource(foreign), 'train_labels: labels of shape [3] for 2 images');
  });

  for (const [what, array, says] of [
    ['channels first', images(2, 3, 8, 8), 'with the channels first; save numpy.transpose'],
    ['four channels', images(2, 8, 8, 4), '[2, 8, 8, 4]; expected'],
    ['two channels', images(2, 8, 8, 2), '[2, 8, 8, 2]; expected'],
    ['five axes', images(2, 8, 8, 8, 3), 'expected [images, height, width, 3]'],
    ['one colour picture', npyFile('u1', [8, 8, 3]), 'one colour picture'],
    ['no pictures', images(0), 'which is empty'],
    ['pictures without pixels', images(2, 0, 8), 'which is empty'],
    ['fractions', npyFile('f4', [2, 8, 8]), 'floating-point'],
    ['16 bits', npyFile('u2', [2, 8, 8]), 'other numbers than bytes'],
    [
      'flat rows',
      npyFile('u1', [2, 64]),
      'no images: expected bytes [images, height, width, 3], found a [2, 64]',
    ],
  ] as const)
    it(`refuses images with ${what}`, async () => {
      await expectInputError(openImageSource(await archive({ a: array })), says);
    });

  it('three rows of pixels may be channels: that is said', async () => {
    const path = await archive({ a: images(2, 3, 8, 3) });
    expect((await openImageSource(path)).notes.join()).to.include('pictures 3 pixels high');
  });

  it('the ending may be in capitals', async () => {
    await writeNpz(temporary('CAPITALS.NPZ'), { images: images(2) });
    expect((await openImageSource(temporary('CAPITALS.NPZ'))).count).to.equal(2);
  });
});

describe('folders of IDX files', () => {
  const temporary = temporaryFolder();
  const write = (folder: string, name: string, bytes: Uint8Array) => {
    mkdirSync(temporary(folder), { recursive: true });
    writeFileSync(temporary(`${folder}/${name}`), bytes);
  };
  const pair = (folder: string, prefix: string, classes: readonly number[], separator = '-') => {
    const data = new Uint8Array(classes.length * 4);
    const sizes = [classes.length, 2, 2];
    write(folder, `${prefix}-images${separator}idx3-ubyte`, idxFile(0x803, sizes, data));
    write(
      folder,
      `${prefix}-labels${separator}idx1-ubyte`,
      idxFile(0x801, [classes.length], Uint8Array.from(classes)),
    );
  };

  for (const [first, second, separator] of [
    ['t10k', 'train', '-'],
    ['emnist-letters-test', 'emnist-letters-train', '-'],
    ['t10k', 'train', '.'],
  ] as const)
    it(`${second}${separator}idx3 is used rather than ${first}, and said`, async () => {
      const folder = `${second}${separator.charCodeAt(0)}`;
      pair(folder, first, [5, 5], separator);
      pair(folder, second, [1, 2, 3], separator);
      const source = await openImageSource(temporary(folder));
      expect(classesOf(source)).to.deep.equal([1, 2, 3]);
      expect(source.notes[0])
        .to.include(`uses ${second}-images`)
        .and.match(new RegExp(`not used: ${first}-images`));
      expect(source.notes[1]).to.include('1 of 4 classes have no images: 0');
    });

  it('two data sets in a folder are refused by name; a hidden copy does not count', async () => {
    pair('two', 'emnist-letters-train', [0]);
    write('two', '._emnist-digits-train-images-idx3-ubyte', Buffer.alloc(4));
    expect((await openImageSource(temporary('two'))).count).to.equal(1);
    pair('two', 'emnist-digits-train', [0]);
    await expectInputError(openImageSource(temporary('two')), 'emnist-digits-train-images-idx3-ubyte or ');
  });

  it('packed files are read, and what they may unpack to is bounded before anything is allocated', async () => {
    write('packed', 'train-images-idx3-ubyte.gz', gzipSync(idxFile(0x803, [2, 1, 1], Uint8Array.of(7, 9))));
    write('packed', 'train-labels-idx1-ubyte.gz', gzipSync(idxFile(0x801, [2], Uint8Array.of(0, 1))));
    const source = await openImageSource(temporary('packed'));
    expect([...(await source.read(1)).data]).to.deep.equal([9, 9, 9]);
    const announced = (sizes: readonly number[], data = new Uint8Array(2)) =>
      write('packed', 'train-images-idx3-ubyte.gz', gzipSync(idxFile(0x803, sizes, data)));
    announced([2 ** 31, 2 ** 31, 1]);
    await expectInputError(openImageSource(temporary('packed')), 'train-images', 'are announced, at most');
    announced([2, 1, 1], new Uint8Array(1 << 24));
    await expectInputError(
      openImageSource(temporary('packed')),
      '2×1×1 elements are announced, more are there',
    );
    announced([2, 3, 1]);
    await expectInputError(openImageSource(temporary('packed')), '2×3×1 elements are announced, 2 are there');
    write(
      'packed',
      'train-images-idx3-ubyte.gz',
      gzipSync(idxFile(0x803, [2, 1, 1], Uint8Array.of(7, 9))).subarray(0, 20),
    );
    await expectInputError(
      openImageSource(temporary('packed')),
      'train-images-idx3-ubyte.gz: not a usable IDX file',
    );
  });

  it('a few packed bytes do not make millions of images', async () => {
    write(
      'bomb',
      'train-images-idx3-ubyte.gz',
      gzipSync(idxFile(0x803, [1 << 20, 1, 1], new Uint8Array(1 << 20))),
    );
    write('bomb', 'train-labels-idx1-ubyte.gz', gzipSync(idxFile(0x801, [1 << 20], new Uint8Array(1 << 20))));
    await expectInputError(openImageSource(temporary('bomb')), 'unpacks to 1048576 images from');
  });

  it('links that lead nowhere, and folders in the place of files, are named', async () => {
    pair('odd', 'train', [0]);
    rmSync(temporary('odd/train-images-idx3-ubyte'));
    symlinkSync('nowhere', temporary('odd/train-images-idx3-ubyte'));
    await expectInputError(openImageSource(temporary('odd')), 'train-images-idx3-ubyte', 'no such file');
    rmSync(temporary('odd/train-images-idx3-ubyte'));
    mkdirSync(temporary('odd/train-images-idx3-ubyte'));
    await expectInputError(openImageSource(temporary('odd')), 'train-images-idx3-ubyte', 'it is no file');
  });

  it('plain files cannot announce more than they are long', async () => {
    write('plain', 'train-labels-idx1-ubyte', idxFile(0x801, [2], Uint8Array.of(0, 1)));
    for (const [sizes, says] of [
      [[2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], 'are announced'],
      [[2, 1, 5], 'are announced'],
      [[0, 4, 4], 'are announced, more are there'],
    ] as const) {
      write('plain', 'train-images-idx3-ubyte', idxFile(0x803, sizes, new Uint8Array(2)));
      await expectInputError(openImageSource(temporary('plain')), 'train-images-idx3-ubyte', says);
    }
    write('plain', 'train-images-idx3-ubyte', idxFile(0x803, [2, 0, 4], new Uint8Array(0)));
    await expectInputError(openImageSource(temporary('plain')), 'holds no images');
    write('plain', 'train-images-idx3-ubyte', Buffer.alloc(3));
    await expectInputError(openImageSource(temporary('plain')), 'its header is another');
    write('plain', 'train-images-idx3-ubyte', idxFile(0x803, [3, 1, 1], new Uint8Array(3)));
    await expectInputError(
      openImageSource(temporary('plain')),
      'has 3 images but train-labels-idx1-ubyte 2 labels',
    );
  });
});
