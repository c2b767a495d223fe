import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { encodePng } from '../../src/data/image.js';
import { openImageSource, openPictures } from '../../src/data/imageSource.js';
import type { PictureList } from '../../src/data/pictureList.js';
import { expectInputError } from '../support/failures.js';
import { temporaryFolder } from '../support/temporary.js';

const PNG = encodePng({ width: 2, height: 2, data: new Uint8Array(12).fill(9) });

/** The class of each picture by name. */
function classesOf({ count, labels, classOf }: PictureList): readonly string[] {
  return Array.from({ length: count }, (_, index) => labels[classOf(index)] ?? '-');
}

describe('folders of class folders', () => {
  const temporary = temporaryFolder();
  /** Makes a folder with files; names that end with a slash are folders. */
  const make = (root: string, ...paths: readonly string[]): string => {
    for (const path of paths) {
      const whole = temporary(`${root}/${path}`);
      mkdirSync(path.endsWith('/') ? whole : dirname(whole), { recursive: true });
      if (!path.endsWith('/')) writeFileSync(whole, PNG);
    }
    return temporary(root);
  };

  it('dead links are named where nothing else is there', async () => {
    const root = make('dead', 'empty/');
    symlinkSync('nowhere', `${root}/cat`);
    await expectInputError(openImageSource(root), 'links that lead nowhere: cat');
    await expectInputError(openPictures(root), 'links that lead nowhere: cat');
  });

  it('a name that is not UTF-8 is said to be one', async function () {
    const root = make('latin', 'ok/x.png');
    const odd = Buffer.concat([Buffer.from(`${root}/b`), Buffer.of(0xff)]);
    try {
      mkdirSync(odd);
      writeFileSync(Buffer.concat([odd, Buffer.from('/x.png')]), PNG);
    } catch {
      this.skip();
    }
    await expectInputError(openImageSource(root), 'its name is not UTF-8');
  });

  it('numbers sort as numbers, at every level, before other names', async () => {
    const numbers = ['10', '2', '1', '0', '11', '1a', 'b'].map((label) => `${label}/x.png`);
    const source = await openImageSource(make('numbers', ...numbers, 'a/10/x.png', 'a/9/x.png'));
    expect(source.labels).to.deep.equal(['0', '1', '2', '10', '11', '1a', 'a/9', 'a/10', 'b']);
  });

  for (const [what, path] of [
    ['a notebook’s checkpoints', '.ipynb_checkpoints/0-checkpoint.png'],
    ['checkpoints in a class', 'cat/.ipynb_checkpoints/0-checkpoint.png'],
    ['a repository', '.git/objects/ab/0.png'],
    ['a Mac’s archive', '__MACOSX/cat/0.png'],
    ['AppleDouble files', 'cat/._0.png'],
    ['thumbnails of a disk station', 'cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg'],
    ['a recycle bin', '$RECYCLE.BIN/0.png'],
  ] as const)
    it(`${what}: no class and no picture`, async () => {
      const root = make(`hidden-${path.length}`, 'cat/0.png', 'dog/0.png', path);
      for (const list of [await openImageSource(root), await openPictures(root)]) {
        expect(list.labels).to.deep.equal(['cat', 'dog']);
        expect(list.count).to.equal(2);
      }
    });

  it('files that are no pictures make no class', async () => {
    const root = make('files', 'cat/0.png', 'readme.txt', 'cat/Thumbs.db', 'notes/desktop.ini');
    const source = await openImageSource(root);
    expect([source.labels, source.count]).to.deep.equal([['cat'], 1]);
    expect(source.notes.join()).to.include('1 folders without pictures, which are no classes: notes');
  });

  it('folders without pictures and folders called like pictures are left out, and said', async () => {
    const root = make(
      'empty',
      'cat/0.png',
      'cat/x.png/',
      'dog/0.png',
      'fish/',
      'birds/small/',
      'y.png/0.png',
    );
    const source = await openImageSource(root);
    expect(source.labels).to.deep.equal(['cat', 'dog']);
    expect(source.count).to.equal(2);
    const notes = source.notes.join('\n');
    expect(notes).to.include('entries named like pictures that are no files: ');
    expect(notes).to.match(/left out 3 folders without pictures/);
  });

  it('links that lead nowhere or in a circle are left out, and said', async () => {
    const root = make('dangling', 'cat/0.png', 'dog/0.png');
    symlinkSync('nowhere', `${root}/link`);
    symlinkSync('nowhere.png', `${root}/cat/9.png`);
    symlinkSync('loop', `${root}/loop`);
    symlinkSync('..', `${root}/dog/up`);
    symlinkSync('../..', `${root}/dog/above`);
    const source = await openImageSource(root);
    expect(classesOf(source)).to.deep.equal(['cat', 'dog']);
    expect(source.notes.join('\n'))
      .to.match(/left out 3 links that lead nowhere/)
      .and.match(/left out 2 linked folders that are taken already or hold this one: dog\//);
  });

  it('linked folders and pictures are followed at each level, each folder once', async () => {
    const real = make('real', 'cat/0.png', 'cat/1.png', 'dog/0.png');
    const root = make('linked', 'pets/', 'wild/');
    symlinkSync(`${real}/cat`, `${root}/pets/cat`);
    symlinkSync(`${real}/dog`, `${root}/dog`);
    symlinkSync(`${real}/cat/0.png`, `${root}/wild/0.png`);
    expect(classesOf(await openImageSource(root))).to.deep.equal(['dog', 'pets/cat', 'pets/cat', 'wild']);
    symlinkSync(`${real}/cat`, `${root}/again`);
    const twice = await openImageSource(root);
    expect(twice.labels).to.deep.equal(['again', 'dog', 'wild']);
    expect(twice.notes.join()).to.include('taken already or hold this one: pets/cat');
  });

  it('a web of links costs no more than its folders', async () => {
    const root = make('web', 'l30/0.png');
    for (let level = 0; level < 30; level++) {
      mkdirSync(`${root}/l${level}`);
      for (const side of ['a', 'b']) symlinkSync(`../l${level + 1}`, `${root}/l${level}/${side}`);
    }
    const source = await openImageSource(root);
    expect(source.count).to.equal(1);
  });

  it('pictures outside class folders are left out of training and have no class as tokens', async () => {
    const root = make('loose', 'cat/0.png', '1.png', '2.png');
    const source = await openImageSource(root);
    expect(classesOf(source)).to.deep.equal(['cat']);
    expect(source.notes).to.deep.equal([`${root}: 2 pictures lie in no class folder: they are left out`]);
    const pictures = await openPictures(root);
    expect(classesOf(pictures)).to.deep.equal(['-', '-', 'cat']);
    expect(pictures.placeOf(2)).to.equal(`${root}/cat/0.png`);
    const flat = make('flat', '1.png');
    expect((await openPictures(flat)).count).to.equal(1);
    await expectInputError(openImageSource(flat), flat, '1 pictures lie in no class folder');
  });

  it('what is no folder, or holds nothing, is named', async () => {
    writeFileSync(temporary('file.tar'), 'x');
    await expectInputError(openImageSource(temporary('file.tar')), 'file.tar', 'it is no folder');
    await expectInputError(openPictures(make('bare', 'cat/')), 'holds no PNG, JPEG or WebP');
    await expectInputError(openPictures(temporary('missing')), 'missing', 'no such file');
  });

  it('a folder that may not be read is named', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const root = make('closed', 'cat/0.png', 'dog/0.png');
    for (const folder of [temporary('.'), root, `${root}/cat`]) chmodSync(folder, 0o755);
    chmodSync(`${root}/dog`, 0);
    process.seteuid!(65534);
    try {
      await expectInputError(
        openImageSource(root),
        `${root}/dog: cannot be read as a data set: permission denied`,
      );
    } finally {
      process.seteuid!(0);
    }
  });

  it('a batch of more pictures than files that may be open is read', () => {
    const root = make('many', 'cat/0.png');
    for (let index = 1; index < 300; index++) writeFileSync(`${root}/cat/${index}.png`, PNG);
    const module = new URL('../../src/data/imageSource.js', import.meta.url);
    const script = `import { openImageSource } from '${module}';
      const source = await openImageSource('${root}');
      await Promise.all(Array.from({ length: source.count }, (_, index) => source.image(index)));
      console.log(source.count, source.failures.size);`;
    const node = `'${process.execPath}' --input-type=module`;
    const { stdout } = spawnSync('bash', ['-c', `ulimit -n 100; ${node}`], { input: script });
    expect(stdout.toString()).to.equal('300 0\n');
  });

  it('pictures that cannot be read are named, and known ones are not tried again', async () => {
    const root = make('damaged', 'cat/0.png', 'cat/1.png', 'dog/0.png');
    for (const name of ['0.png', '1.png']) writeFileSync(`${root}/cat/${name}`, 'no picture');
    const pictures = await openPictures(root);
    await expectInputError(pictures.read(0), `${root}/cat/0.png`);
    const source = await openImageSource(root);
    expect(await source.image(0)).to.deep.equal(await source.read(2));
    expect([...source.failures.keys()]).to.deep.equal([`${root}/cat/0.png`, `${root}/cat/1.png`]);
    writeFileSync(`${root}/cat/0.png`, PNG);
    expect([...source.failures.values()][0]).to.include('0.png');
    expect(await source.image(0)).to.deep.equal(await source.read(2));
  });
});
