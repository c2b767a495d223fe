import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { extract } from 'tar';
import { arpg } from '../support/cli.js';
import { plainEnvironment } from '../support/npm.js';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const name = `arpg-${process.platform}-${process.arch}`;

const MAX_BYTES = 90e6;

describe('the packaged program', () => {
  // Before the folder is removed, it is made removable.
  after(() => {
    for (const entry of readdirSync(packaged(''), { recursive: true, withFileTypes: true }))
      if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
    chmodSync(packaged(''), 0o755);
  });

  const temporary = temporaryFolder();
  const packaged = (path: string) => join(temporary('else where'), name, path);

  const makePackage = (out: string): string => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/package.mjs'), out], {
      env: plainEnvironment(),
      encoding: 'utf8',
    });
    expect(status, stderr).to.equal(0);
    return join(out, `${name}.tar.gz`);
  };

  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  let archive: string;
  before(async function () {
    if (process.platform === 'win32') this.skip();
    archive = makePackage(temporary('first'));
    for (const folder of ['else where', 'home', 'bin', 'cwd']) mkdirSync(temporary(folder));
    await extract({ file: archive, cwd: temporary('else where') });
    // Nobody can write where it lies, and it is started through a link by a name on PATH, where there is no Node.js.
    for (const file of filesOf(packaged(''))) {
      chmodSync(file, statSync(file).mode & 0o555);
      chmodSync(dirname(file), 0o555);
    }
    for (const tool of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, temporary(`bin/${tool}`));
    symlinkSync(packaged('arpg'), temporary('bin/arpg'));
  });

  const start = (...args: readonly string[]) =>
    spawnSync('/bin/sh', ['-c', 'exec arpg "$@"', 'arpg', ...args], {
      cwd: temporary('cwd'),
      env: { HOME: temporary('home'), PATH: temporary('bin') },
      maxBuffer: 2 ** 26,
    });
  const run = (...args: readonly string[]): Buffer => {
    const { status, stdout, stderr } = start(...args);
    expect(status, `${args.join(' ')}: ${stderr.toString()}`).to.equal(0);
    return stdout;
  };

  it('has at most 90 MB, and libraries of this platform alone', () => {
    expect(statSync(archive).size).to.be.lessThan(MAX_BYTES);
    const native = filesOf(packaged('')).filter((file) => /\.(node|so|dylib|dll)(\.|$)/.test(file));
    expect(native.length).to.be.greaterThan(3);
    const others = ['linux', 'darwin', 'win32'].filter((platform) => platform !== process.platform);
    expect(
      native.filter((file) => others.some((other) => file.slice(packaged('').length).includes(other))),
    ).to.deep.equal([]);
    expect(native.filter((file) => /cuda|tensorrt/i.test(file))).to.deep.equal([]);
  });

  it('holds neither the library, nor what tests need', () => {
    const names = filesOf(packaged('')).map((file) => file.slice(packaged('').length + 1));
    expect(
      names.filter((file) =>
        /\.d\.ts$|\.map$|^dist\/(src|test)\/(?!export\/browser)|golden|held-out/.test(file),
      ),
    ).to.deep.equal([]);
    expect(readFileSync(packaged('LICENSE'), 'utf8')).to.match(/MIT/);
    const licences = readFileSync(packaged('THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const part of [
      '@oclif/core 4',
      'gpu.js 2',
      'onnxruntime-node 1',
      'sharp 0',
      'Node.js',
      'LESSER GENERAL PUBLIC',
    ])
      expect(licences).to.include(part);
  });

  it('is made the same again, byte for byte', () => {
    const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
    expect(digest(makePackage(temporary('second')))).to.equal(digest(archive));
  });

  it('draws, edits and reads pictures like the program that it was made of', () => {
    const draw = ['sample', '--model', 'digits', '--class', '3', '--seed', '1', '-o'];
    run(...draw, 'three.png');
    const three = readFileSync(temporary('cwd/three.png'));
    expect(three.equals(arpg([...draw, '-']).stdout)).to.equal(true);
    const edit = (file: string) => [
      'edit',
      file,
      '--model',
      'digits',
      '--class',
      '4',
      '--keep',
      '0.5',
      '--seed',
      '2',
      '-o',
      '-',
    ];
    expect(run(...edit('three.png')).equals(arpg(edit(temporary('cwd/three.png'))).stdout)).to.equal(true);
    run('inpaint', 'three.png', '--mask', 'three.png', '--class', '8', '-o', 'eight.webp');
    run('tokenize', 'three.png', '-o', 'tokens.jsonl');
    run('detokenize', 'tokens.jsonl', '-o', 'again.jpg');
    run('sample', '--model', 'emoji', '--class', 'cat', '--format', 'gif', '-o', 'cat.gif');
    run('sample', '--class', '1', '--target', 'gpujs:webasm', '-o', 'one.png');
  });

  it('exports and trains', () => {
    run('export', '--format', 'onnx', '-o', 'onnx');
    run('export', '--format', 'gpujs', '-o', 'page.js');
    run('graph', 'step', '--model', 'digits', '--format', 'svg', '-o', 'step.svg');
    const data = join(root, 'fixtures/digits/held-out');
    const tokenizer = packaged('fixtures/models/digits');
    run('train', '--data', data, '--tokenizer', tokenizer, '--out', 'run', '--steps', '1', '--batch', '2');
    run('sample', '--model', 'run/model', '--class', '1', '-o', 'trained.png');
  });

  it('tells what works here, and fails in one line', () => {
    const report = run('doctor').toString();
    for (const target of ['onnx', 'gpujs:webasm', 'model'])
      expect(report).to.match(new RegExp(`^ok {2}${target} `, 'm'));
    expect(run('--version').toString()).to.match(/^arpg\/\d/);
    const { status, stderr } = start('pull', 'http://127.0.0.1:9999/none', '-o', 'none');
    expect(status).to.equal(6);
    expect(stderr.toString()).to.match(/^arpg: .*ECONNREFUSED.*\n$/);
  });
});
