import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

function node(script: string, ...args: readonly string[]) {
  // mocha in mocha would take this one's settings.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: root, env });
  return { status, text: stdout.toString(), errors: stderr.toString() };
}

describe('an incremental build', () => {
  const temporary = temporaryFolder();
  const write = (...names: readonly string[]) => {
    for (const name of names) {
      mkdirSync(dirname(temporary(name)), { recursive: true });
      writeFileSync(temporary(name), '');
    }
  };
  const prune = () => expect(node(temporary('scripts/pruneBuild.mjs')).status).to.equal(0);
  const notes = () => existsSync(temporary('dist/.tsbuildinfo'));

  before(() => {
    write('scripts/none', 'src/a.ts', 'test/deep/b.ts', 'dist/.tsbuildinfo');
    cpSync(`${root}scripts/pruneBuild.mjs`, temporary('scripts/pruneBuild.mjs'));
    for (const name of ['src/a', 'test/deep/b', 'src/gone'])
      write(`dist/${name}.js`, `dist/${name}.d.ts`, `dist/${name}.js.map`);
    write('dist/src/runtime.bundle.js');
  });

  it('removes what is left of sources that are no more, and nothing else', () => {
    prune();
    for (const ending of ['js', 'd.ts', 'js.map'])
      expect(existsSync(temporary(`dist/src/gone.${ending}`))).to.equal(false);
    for (const kept of ['src/a.js', 'test/deep/b.d.ts', 'src/runtime.bundle.js'])
      expect(existsSync(temporary(`dist/${kept}`)), kept).to.equal(true);
    expect(notes()).to.equal(true);
  });

  it('starts anew where something is missing', () => {
    write('src/new.ts');
    prune();
    expect(notes()).to.equal(false);
  });
});

describe('a test file run alone', () => {
  const script = `${root}scripts/testOne.mjs`;

  it('is named by its source or what was compiled from it', () => {
    for (const file of ['test/printable.test.ts', 'dist/test/printable.test.js']) {
      const { status, text } = node(script, file);
      expect(status, text).to.equal(0);
      expect(text).to.match(/^ {2}[1-9]\d* passing/m);
    }
  });

  it('is refused when it is none', () => {
    for (const file of ['test/nothing.test.ts', 'src/index.ts', 'test/support/cli.ts'])
      expect(node(script, file)).to.deep.include({
        status: 2,
        errors: `${file}: there is no such test; name a file like test/graph/graph.test.ts\n`,
      });
  });
});
