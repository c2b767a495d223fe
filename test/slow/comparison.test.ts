import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A Python of this machine with PyTorch; undefined where there is none. */
const python = ['python3', '/usr/bin/python3'].find(
  (name) => spawnSync(name, ['-c', 'import torch']).status === 0,
);

function check(folder: string) {
  return spawnSync(python!, ['-B', join(folder, 'bench/compare.py'), '--check'], { encoding: 'utf8' });
}

describe('the PyTorch models that arpg is compared with', () => {
  const temporary = temporaryFolder();
  before(function () {
    if (!python) this.skip();
  });

  it('give the numbers of the official implementation', () => {
    const { status, stdout, stderr } = check(root);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^(\d+) of \1 agree; /);
    expect(status).to.equal(0);
  });

  it('are refused when they do not', () => {
    const copy = temporary('wrong');
    for (const part of ['bench', 'fixtures/golden'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    const file = join(copy, 'bench/pytorch/arpg.py');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"norm_eps": 1e-5', '"norm_eps": 1e-3'));
    const { status, stderr } = check(copy);
    expect(stderr).to.match(/^generate\.0\.raw_logits\.0: off by /m);
    expect(status).to.equal(1);
  });
});
