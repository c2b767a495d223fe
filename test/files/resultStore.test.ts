import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { resultStore } from '../../src/files/resultStore.js';
import { temporaryFolder } from '../support/temporary.js';

const LIMITS = { bytesOfOne: 100, bytesOfAll: 250 };
const key = (digit: string) => digit.repeat(64);
const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value);

describe('kept results', () => {
  const temporary = temporaryFolder();

  it('come back until they are replaced, and under their key alone', () => {
    const store = resultStore(temporary('some/kept'), LIMITS);
    expect(store.read(key('a'))).to.equal(undefined);
    store.write(key('a'), bytes(10));
    store.write(key('b'), bytes(0));
    expect([...store.read(key('a'))!]).to.deep.equal([...bytes(10)]);
    expect(store.read(key('b'))!.length).to.equal(0);
    expect(store.read(key('c'))).to.equal(undefined);
    store.write(key('a'), bytes(5, 1));
    expect([...resultStore(temporary('some/kept'), LIMITS).read(key('a'))!]).to.deep.equal([...bytes(5, 1)]);
    expect(readdirSync(temporary('some/kept'))).to.have.members([key('a'), key('b')]);
  });

  it('that were damaged, cut short or are too large are none', () => {
    const folder = temporary('damaged');
    const store = resultStore(folder, LIMITS);
    store.write(key('a'), bytes(10));
    const whole = readFileSync(join(folder, key('a')));
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      writeFileSync(join(folder, key('a')), damaged);
      expect(store.read(key('a')), `byte ${at}`).to.equal(undefined);
      writeFileSync(join(folder, key('a')), whole.subarray(0, at));
      expect(store.read(key('a')), `${at} bytes`).to.equal(undefined);
    }
    store.write(key('b'), bytes(101));
    expect(store.read(key('b'))).to.equal(undefined);
    resultStore(folder, { bytesOfOne: 1000, bytesOfAll: 10000 }).write(key('b'), bytes(101));
    expect(store.read(key('b'))).to.equal(undefined);
  });

  it('go when there are too many, those used longest ago first, and so does what was left unfinished', () => {
    const folder = temporary('many');
    const store = resultStore(folder, LIMITS);
    const age = (name: string, hours: number) => {
      const then = new Date(Date.now() - hours * 3600e3);
      utimesSync(join(folder, name), then, then);
    };
    for (const digit of ['a', 'b']) store.write(key(digit), bytes(60));
    writeFileSync(join(folder, `${key('c')}.1.abc`), 'half');
    writeFileSync(join(folder, `${key('c')}.2.abc`), 'half');
    age(`${key('c')}.1.abc`, 2);
    age(key('a'), 60);
    age(key('b'), 50);
    // Reading is a use.
    store.read(key('a'));
    store.write(key('d'), bytes(60));
    expect(readdirSync(folder)).to.have.members([key('a'), key('d'), `${key('c')}.2.abc`]);
  });

  it('where the folder cannot be made or written nothing is kept and nothing fails', () => {
    writeFileSync(temporary('file'), 'no folder');
    const store = resultStore(temporary('file/kept'), LIMITS);
    store.write(key('a'), bytes(1));
    expect(store.read(key('a'))).to.equal(undefined);
    // Folders there are of the kernel's making alone.
    const inProc = resultStore('/proc/arpg/kept', LIMITS);
    inProc.write(key('a'), bytes(1));
    expect(inProc.read(key('a'))).to.equal(undefined);
    mkdirSync(temporary('locked'));
    mkdirSync(temporary(`locked/${key('a')}`));
    chmodSync(temporary('locked'), 0o500);
    const locked = resultStore(temporary('locked'), LIMITS);
    locked.write(key('a'), bytes(1));
    expect(locked.read(key('a'))).to.equal(undefined);
    chmodSync(temporary('locked'), 0o700);
    rmSync(temporary('locked'), { recursive: true });
  });
});
