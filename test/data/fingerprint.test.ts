import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { fingerprint } from '../../src/data/fingerprint.js';
import { InputError } from '../../src/errors.js';
import { temporaryFolder } from '../support/temporary.js';

describe('the fingerprint of data', () => {
  const temporary = temporaryFolder();
  const all = () => true;

  it('is the same wherever the data lie, and another when they are others', () => {
    mkdirSync(temporary('data/cat'), { recursive: true });
    for (const name of ['a', 'b']) writeFileSync(temporary(`data/cat/${name}.png`), name.repeat(100));
    const before = fingerprint(temporary('data'), all);
    cpSync(temporary('data'), temporary('moved'), { recursive: true });
    expect(fingerprint(temporary('moved'), all)).to.equal(before);
    expect(fingerprint(temporary('moved'), (name) => name !== 'b.png')).to.not.equal(before);
    writeFileSync(temporary('moved/cat/b.png'), `${'b'.repeat(99)}c`);
    expect(fingerprint(temporary('moved'), all)).to.not.equal(before);
    expect(() => fingerprint(temporary('gone'), all)).to.throw(InputError, 'no such file');
  });

  it('takes no longer for a web of links than for its folders', () => {
    for (let level = 0; level < 40; level++) {
      mkdirSync(temporary(`web/${level}`), { recursive: true });
      for (const link of ['a', 'b']) symlinkSync(`../${level + 1}`, temporary(`web/${level}/${link}`));
    }
    mkdirSync(temporary('web/40'));
    writeFileSync(temporary('web/40/x.png'), 'x');
    symlinkSync('..', temporary('web/40/up'));
    expect(fingerprint(temporary('web'), all)).to.match(/^[0-9a-f]{64}$/);
  });
});
