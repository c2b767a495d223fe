import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import {
  CONSUMER,
  npm,
  plainEnvironment,
  type PublishedPackage,
  readPacked,
  STRICT,
  TSC,
} from '../support/npm.js';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const MAX_BYTES = 16e6;

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, { readonly default?: string }>>;
  readonly description: string;
  readonly keywords: readonly string[];
};

/** The package that an import is of: `@a/b` of `@a/b/c`. */
const packageOf = (path: string) => /^(?:@[^/]+\/)?[^/]+/.exec(path)![0];

describe('the published package', () => {
  const temporary = temporaryFolder();
  let published: PublishedPackage;
  let warnings: string;
  before(() => {
    const { status, stdout, stderr } = npm(['pack', '--dry-run', '--json']);
    expect(status, stderr).to.equal(0);
    published = readPacked(stdout);
    warnings = stderr;
  });
  const paths = () => published.files.map(({ path }) => path);

  it('is packed without a warning, and says what it is', () => {
    expect(warnings).to.not.match(/warn/i);
    expect(manifest.description).to.match(/image generation/i);
    expect(manifest.keywords).to.include.members(['image-generation', 'cli']);
  });

  it('has at most 16 MB', () => {
    expect(published.size).to.be.lessThan(MAX_BYTES);
    expect(published.size).to.be.greaterThan(10e6);
  });

  it('holds the program, the library, the shipped models and documentation', () => {
    expect(paths()).to.include.members([
      'LICENSE',
      'README.md',
      'bin/arpg.js',
      'dist/page/page.js',
      'dist/program/main.js',
      'dist/program/THIRD-PARTY-LICENSES.txt',
      'dist/program/library/index.js',
      'dist/src/index.d.ts',
      'dist/src/faces/training.d.ts',
      'dist/src/export/browser/arpg.bundle.js',
      'dist/vendor/gpu.cjs',
      'fixtures/features/small.safetensors',
      'docs/SYSTEMS.md',
      'fixtures/models/digits/model.safetensors',
      'fixtures/models/emoji/tokenizer/model.safetensors',
      'oclif.manifest.json',
    ]);
  });

  it('holds no data of tests, no source maps, and no modules that only the bundled program uses', () => {
    const foreign = (path: string) =>
      (!path.startsWith('docs/') &&
        path !== 'dist/program/commands/bench.js' &&
        /(^|\/)(test|bench|golden|held-out|hostile|pictures|photos|tiny|classifier)\b/.test(path)) ||
      /\.(map|tsbuildinfo)$/.test(path) ||
      /^dist\/(graphs|kernels)\/.*\.js$/.test(path) ||
      /^dist\/src\/(bench|cli|serve)\//.test(path);
    expect(paths().filter(foreign)).to.deep.equal([]);
  });

  it("holds whatever README's links and pictures lead to", () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8').replace(/^ *```.*?^ *```$/gms, '');
    const links = [...readme.matchAll(/(?:\]\(|(?:src|href)=")([^)"\s#]+)/g)].map(([, link]) => link!);
    const own = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(own).to.include('fixtures/models/digits/samples.png');
    expect(own.filter((link) => !paths().includes(link))).to.deep.equal([]);
  });

  it('depends on the packages that it loads, and on no others', async () => {
    const { EXTERNAL_LIBRARIES } = (await import(
      new URL('../../../scripts/externalLibraries.mjs', import.meta.url).href
    )) as { readonly EXTERNAL_LIBRARIES: readonly string[] };
    const { metafile } = await build({
      entryPoints: Object.values(manifest.exports).flatMap((face) => face.default ?? []),
      absWorkingDir: root,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      outdir: temporary('bundle'),
      write: false,
      metafile: true,
    });
    const imported = Object.values(metafile.outputs)
      .flatMap(({ imports }) => imports.map(({ path }) => path))
      .filter((path) => !path.startsWith('node:') && !builtinModules.includes(path));
    const loaded = new Set([...imported.map(packageOf), ...EXTERNAL_LIBRARIES]);
    // What the program alone uses is bundled into it: a devDependency.
    expect(Object.keys(manifest.dependencies)).to.have.members([...loaded]);
  });

  it('compiles into strict programs that have no other packages', () => {
    const installed = temporary('consumer/node_modules/arpg');
    for (const path of paths().filter((name) => name.endsWith('.d.ts') || name === 'package.json')) {
      mkdirSync(dirname(join(installed, path)), { recursive: true });
      copyFileSync(join(root, path), join(installed, path));
    }
    writeFileSync(temporary('consumer/package.json'), '{ "type": "module" }');
    writeFileSync(temporary('consumer/main.ts'), CONSUMER);
    const { stdout, status } = spawnSync(process.execPath, [TSC, ...STRICT, '--noEmit', 'main.ts'], {
      cwd: temporary('consumer'),
      env: plainEnvironment(),
      encoding: 'utf8',
    });
    expect(stdout).to.equal('');
    expect(status).to.equal(0);
  });
});
