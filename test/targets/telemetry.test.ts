import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = join(root, 'dist/src/cli/main.js');
const index = join(root, 'dist/src/index.js');
const model = join(root, 'fixtures/models/tiny');

/** Runs Node.js as for a user who has never run anything: an empty home folder, and no sign of a CI. */
function runAtHome(home: string, args: readonly string[]) {
  mkdirSync(home, { recursive: true });
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(CI|GITHUB_ACTIONS|TF_BUILD|ORT_DISABLE_TELEMETRY|XDG_.*|ARPG_.*)$/.test(name),
  );
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: home,
    env: { ...Object.fromEntries(inherited), HOME: home, ARPG_MODEL: model },
  });
  return { code: status, errors: stderr.toString(), left: readdirSync(home, { recursive: true }) };
}

const LIBRARY_USE = `
  const { load, sampleTokens } = await import(${JSON.stringify(index)});
  const model = await load(${JSON.stringify(model)}, { target: 'onnx' });
  await sampleTokens(model, { classes: [3], seed: 1 });
  await model.dispose();
`;
const inWorker = (code: string) => `
  const { Worker } = require('node:worker_threads');
  new Worker(${JSON.stringify(`(async () => {${code}})()`)}, { eval: true });
`;

describe('what running leaves in the home folder', () => {
  const temporary = temporaryFolder();

  it('the library would write there if it were let', () => {
    const library = JSON.stringify(join(root, 'node_modules/onnxruntime-node'));
    const code = `require(${library}).InferenceSession.create(new Uint8Array(1)).catch(() => {})`;
    expect(runAtHome(temporary('plain'), ['-e', code]).left.join()).to.include('onnxruntime');
  });

  const uses: Readonly<Record<string, readonly string[]>> = {
    sample: [program, 'sample', '--class', '3', '--seed', '1', '--format', 'tokens'],
    tokenize: [program, 'tokenize', join(root, 'fixtures/photos/palette_color.png')],
    doctor: [program, 'doctor'],
    help: [program, '--help'],
    'the library': ['--input-type=module', '-e', LIBRARY_USE],
    'a worker of a program that uses the library': [
      '-e',
      `import(${JSON.stringify(index)}).then(() => {${inWorker(LIBRARY_USE)}})`,
    ],
  };
  // What arpg keeps there itself is said in the README.
  const KEPT = ['.cache', '.cache/arpg', '.cache/arpg/compiled'];
  const isKept = (path: string) => KEPT.includes(path) || path.startsWith(`${KEPT.at(-1)!}/`);
  for (const [name, args] of Object.entries(uses))
    it(`${name}: nothing`, () => {
      const { code, left } = runAtHome(temporary(name), args);
      expect([code, left.map(String).filter((path) => !isKept(path))]).to.deep.equal([0, []]);
    });

  it('a worker alone, which cannot switch the telemetry off, is refused', () => {
    const { code, errors, left } = runAtHome(temporary('alone'), ['-e', inWorker(LIBRARY_USE)]);
    expect([code, left]).to.deep.equal([1, []]);
    expect(errors).to.include("onnxruntime's telemetry cannot be switched off from a worker");
  });

  it('one file alone loads the library', () => {
    const built = ['src', 'commands', 'graphs', 'kernels', 'bench'].flatMap((folder) =>
      readdirSync(join(root, 'dist', folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.js'))
        .map((name) => join(root, 'dist', folder, name)),
    );
    const loading = built.filter((file) =>
      /(from|import|require)\s*\(?\s*['"]onnxruntime-node['"]/.test(readFileSync(file, 'utf8')),
    );
    expect(loading.map((file) => relative(root, file))).to.deep.equal([
      'dist/src/targets/onnx/onnxRuntime.js',
    ]);
  });
});
