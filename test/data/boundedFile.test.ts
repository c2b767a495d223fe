import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { readBounded } from '../../src/data/boundedFile.js';
import { InputError } from '../../src/errors.js';
import { temporaryFolder } from '../support/temporary.js';

describe('files read as a whole', () => {
  const temporary = temporaryFolder();

  it('give all their bytes', () => {
    const bytes = Buffer.alloc(3 << 20, 'abc');
    writeFileSync(temporary('file'), bytes);
    expect(bytes.equals(readBounded(temporary('file')))).to.equal(true);
  });

  it('are refused by their size before they are read, and by what comes where they have none', () => {
    writeFileSync(temporary('sparse'), '');
    truncateSync(temporary('sparse'), 2 ** 40);
    expect(() => readBounded(temporary('sparse'))).to.throw(InputError, 'sparse: more than the 256 MiB');
    if (existsSync('/dev/zero'))
      expect(() => readBounded('/dev/zero', 2 ** 21)).to.throw(InputError, '/dev/zero: more than the 2 MiB');
    if (existsSync('/dev/null')) expect(readBounded('/dev/null')).to.have.length(0);
  });

  it('may be pipes', function () {
    const pipe = temporary('pipe');
    if (spawnSync('mkfifo', [pipe]).status !== 0) this.skip();
    spawn('bash', ['-c', `head -c 200000 /dev/zero > '${pipe}'`], { stdio: 'ignore' });
    expect(readBounded(pipe)).to.have.length(200_000);
  });

  it('are named when they cannot be read', () => {
    mkdirSync(temporary('folder'));
    expect(() => readBounded(temporary('folder'))).to.throw(
      InputError,
      'folder: cannot be read: it is a folder',
    );
    expect(() => readBounded(temporary('none'))).to.throw(InputError, 'none: cannot be read: no such file');
  });
});
