import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  closeSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type KeptFiles, keptFiles } from '../../src/files/keptFiles.js';
import { removePartialOutput } from '../../src/partialNames.js';
import { temporaryFolder } from '../support/temporary.js';

const LIMIT = 250;
const key = (digit: string) => digit.repeat(64);

/** A file's bytes in two parts. */
async function* chunks(length: number, value = 7): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(length - 1).fill(value);
  yield Uint8Array.of(value);
}

describe('kept files', () => {
  const temporary = temporaryFolder();

  /** Obtains a file and tells whether it was made for that. */
  const obtain = async (files: KeptFiles, name: string, length = 60, value = 7) => {
    let isMade = false;
    const path = await files.obtain(name, length, () => {
      isMade = true;
      return chunks(length, value);
    });
    return { path, isMade };
  };

  it('are made once, with the bytes given, and found under their key alone', async () => {
    const folder = temporary('some/kept');
    const files = keptFiles(folder, LIMIT);
    const first = await obtain(files, key('a'));
    expect(first).to.deep.equal({ path: join(folder, key('a')), isMade: true });
    expect([...readFileSync(first.path!)]).to.deep.equal(new Array(60).fill(7));
    expect(await obtain(keptFiles(folder, LIMIT), key('a'))).to.deep.equal({ ...first, isMade: false });
    expect((await obtain(files, key('b'), 60, 1)).isMade).to.equal(true);
    expect(readdirSync(folder)).to.have.members([key('a'), key('b')]);
  });

  it('may be written by somebody else in a folder beside, of which nothing else stays', () => {
    const folder = temporary('adopted');
    const files = keptFiles(folder, LIMIT);
    const place = files.workplace()!;
    for (const name of [key('a'), 'other']) writeFileSync(join(place.folder, name), name);
    expect(place.adopt(key('a'))).to.equal(64);
    expect(place.adopt(key('b'))).to.equal(0);
    place.remove();
    expect(readdirSync(folder)).to.deep.equal([key('a')]);
    expect(files.find(key('a'), 64)).to.equal(join(folder, key('a')));
    expect(statSync(join(folder, key('a'))).mode & 0o077).to.equal(0);
    expect([files.find(key('a'), 63), files.find(key('b'), 0)]).to.deep.equal([undefined, undefined]);
    writeFileSync(join(folder, key('a')), key('b'));
    expect(files.find(key('a'), 64)).to.equal(undefined);
    const large = files.workplace()!;
    writeFileSync(join(large.folder, key('c')), new Uint8Array(LIMIT + 1));
    expect(large.adopt(key('c'))).to.equal(undefined);
    large.remove();
    expect(readdirSync(folder)).to.deep.equal([key('a')]);
    writeFileSync(temporary('no-folder'), '');
    expect(keptFiles(temporary('no-folder'), LIMIT).workplace()).to.equal(undefined);
  });

  it('go from such a folder when the program is stopped', () => {
    const place = keptFiles(temporary('stopped'), LIMIT).workplace()!;
    writeFileSync(join(place.folder, key('a')), 'half');
    removePartialOutput();
    expect(existsSync(place.folder)).to.equal(false);
  });

  it('are for the one who made them alone', async () => {
    const { path } = await obtain(keptFiles(temporary('private'), LIMIT), key('a'));
    expect(statSync(path!).mode & 0o077).to.equal(0);
    expect(statSync(temporary('private')).mode & 0o077).to.equal(0);
  });

  const damages: Readonly<Record<string, (path: string) => void>> = {
    'cut short': (path) => truncateSync(path, 59),
    empty: (path) => truncateSync(path, 0),
    'longer than they were': (path) => writeFileSync(path, new Uint8Array(61).fill(7)),
    'of other bytes': (path) => writeFileSync(path, new Uint8Array(60)),
    'changed in one byte': (path) => {
      const file = openSync(path, 'r+');
      writeSync(file, Uint8Array.of(8), 0, 1, 30);
      closeSync(file);
    },
  };
  for (const [what, damage] of Object.entries(damages))
    it(`that are ${what} are made again`, async () => {
      const folder = temporary(what);
      const { path } = await obtain(keptFiles(folder, LIMIT), key('a'));
      damage(path!);
      expect(await obtain(keptFiles(folder, LIMIT), key('a'))).to.deep.equal({ path, isMade: true });
      expect([...readFileSync(path!)]).to.deep.equal(new Array(60).fill(7));
      expect(readdirSync(folder)).to.deep.equal([key('a')]);
    });

  it('go when there are too many, those used longest ago first, and so does what was left unfinished', async () => {
    const folder = temporary('many');
    const files = keptFiles(folder, LIMIT);
    const lastUsed = (name: string, hours: number) => {
      const path = join(folder, name);
      utimesSync(path, new Date(Date.now() - hours * 3600e3), statSync(path).mtime);
    };
    for (const digit of ['a', 'b', 'c']) await obtain(files, key(digit), 80);
    writeFileSync(join(folder, `${key('d')}.1.abc`), 'half');
    writeFileSync(join(folder, `${key('d')}.2.abc`), 'half');
    lastUsed(`${key('d')}.1.abc`, 2);
    lastUsed(key('a'), 60);
    lastUsed(key('b'), 40);
    lastUsed(key('c'), 50);
    // To be found is a use, and leaves the file what it was.
    expect((await obtain(files, key('a'), 80)).isMade).to.equal(false);
    expect((await obtain(files, key('a'), 80)).isMade).to.equal(false);
    await obtain(files, key('e'), 80);
    expect(readdirSync(folder)).to.have.members([key('a'), key('b'), key('e'), `${key('d')}.2.abc`]);
  });

  it('that are larger than the limit are not made', async () => {
    const folder = temporary('large');
    expect(await obtain(keptFiles(folder, LIMIT), key('a'), 251)).to.deep.equal({
      path: undefined,
      isMade: false,
    });
    expect(existsSync(folder)).to.equal(false);
  });

  it('where the folder cannot be made or written there are none, and nothing fails', async () => {
    writeFileSync(temporary('file'), 'no folder');
    // In /proc folders are of the kernel's making alone.
    for (const folder of [temporary('file/kept'), '/proc/arpg/kept'])
      expect((await obtain(keptFiles(folder, LIMIT), key('a'))).path, folder).to.equal(undefined);
    // Something else is in the way.
    mkdirSync(temporary(`taken/${key('a')}`), { recursive: true });
    expect((await obtain(keptFiles(temporary('taken'), LIMIT), key('a'))).path).to.equal(undefined);
    expect(readdirSync(temporary('taken'))).to.deep.equal([key('a')]);
    symlinkSync(temporary('nowhere/kept'), temporary('link'));
    expect((await obtain(keptFiles(temporary('link'), LIMIT), key('a'))).path).to.equal(undefined);
  });

  it('leave nothing behind where their bytes cannot be read, which is told, or not be written, which is not', async () => {
    const folder = temporary('failing');
    const failing = (error: Error) =>
      keptFiles(folder, LIMIT)
        .obtain(key('a'), 60, async function* () {
          yield new Uint8Array(30);
          throw error;
        })
        .catch((thrown: Error) => thrown);
    const unreadable = new Error('checksum');
    expect(await failing(unreadable)).to.equal(unreadable);
    expect(await failing(Object.assign(new Error('full'), { code: 'ENOSPC', syscall: 'write' }))).to.equal(
      undefined,
    );
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('leave nothing behind where the program is stopped or killed meanwhile', async () => {
    const folder = temporary('stopped');
    const names: string[] = [];
    const path = await keptFiles(folder, LIMIT).obtain(key('a'), 60, async function* () {
      yield new Uint8Array(30);
      names.push(...readdirSync(folder));
      removePartialOutput();
      yield new Uint8Array(30);
    });
    expect([path, names.length, readdirSync(folder)]).to.deep.equal([undefined, 1, []]);
    const killed = spawnSync(process.execPath, [
      '--input-type=module',
      '-e',
      `import { keptFiles } from ${JSON.stringify(new URL('../../src/files/keptFiles.js', import.meta.url).href)};
      await keptFiles(${JSON.stringify(temporary('killed'))}, 250).obtain('${key('a')}', 60, async function* () {
        yield new Uint8Array(30);
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => setInterval(() => {}, 1000));
      });`,
    ]);
    expect(killed.signal).to.equal('SIGKILL');
    expect(readdirSync(temporary('killed'))).to.have.length(1);
    expect((await obtain(keptFiles(temporary('killed'), LIMIT), key('a'))).isMade).to.equal(true);
    expect(readdirSync(temporary('killed'))).to.deep.equal([key('a')]);
  });

  it('of fewer or more bytes than promised are not used', async () => {
    const files = keptFiles(temporary('odd'), LIMIT);
    for (const length of [59, 61])
      expect(await files.obtain(key('a'), 60, () => chunks(length))).to.equal(undefined);
  });

  it('that two make at once are whole for both', async () => {
    const folder = temporary('two');
    let waiting = 0;
    let release: () => void = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* inStep(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(30).fill(7);
      if (++waiting === 2) release();
      await both;
      yield new Uint8Array(30).fill(7);
    }
    const paths = await Promise.all(
      [0, 1].map(() => keptFiles(folder, LIMIT).obtain(key('a'), 60, () => inStep())),
    );
    expect(paths).to.deep.equal([join(folder, key('a')), join(folder, key('a'))]);
    expect([...readFileSync(paths[0]!)]).to.deep.equal(new Array(60).fill(7));
    expect(readdirSync(folder)).to.deep.equal([key('a')]);
  });
});
