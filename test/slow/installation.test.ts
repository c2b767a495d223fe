import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CONSUMER, npm, plainEnvironment, readPacked, STRICT, TSC } from '../support/npm.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

/** The npm at hand, and the other major versions that come with the supported Node.js. */
const own = npm(['--version']).stdout;
const VERSIONS = [
  '',
  ...['10', '11'].filter((major) => !own.startsWith(major)).map((major) => `npm@${major}`),
];

describe('an installation from the registry', () => {
  const temporary = temporaryFolder();
  let tarball: string;
  before(function () {
    // Reported as skipped where the registry does not answer.
    if (npm(['ping', '--fetch-retries=0', '--fetch-timeout=20000']).status !== 0) this.skip();
    const { stdout, status, stderr } = npm(['pack', '--json', '--pack-destination', temporary('')]);
    expect(status, stderr).to.equal(0);
    tarball = temporary((readPacked(stdout) as unknown as { readonly filename: string }).filename);
  });

  /** A home in which nothing is, but with this one's registry. */
  const emptyHome = (name: string) => {
    mkdirSync(temporary(name), { recursive: true });
    return { HOME: temporary(name), npm_config_registry: npm(['config', 'get', 'registry']).stdout.trim() };
  };

  for (const version of VERSIONS)
    it(`with ${version || 'the npm at hand'} fetches no CUDA, and the program works`, () => {
      const folder = version || 'npm';
      const env = emptyHome(`${folder}-home`);
      const prefix = temporary(`${folder}-prefix`);
      const install = ['install', '--global', '--ignore-scripts', '--prefix', prefix, tarball];
      const caller = version === '' ? [] : ['exec', '--yes', `--package=${version}`, '--', 'npm'];
      const { status, stdout, stderr } = npm([...caller, ...install], { env, cwd: temporary('') });
      expect(status, stderr).to.equal(0);
      expect(stdout + stderr).to.not.match(/npm (warn|error)/i);
      const libraries = join(prefix, 'lib/node_modules/arpg/node_modules/onnxruntime-node/bin');
      const names = readdirSync(libraries, { recursive: true, encoding: 'utf8' });
      expect(names.filter((name) => /cuda|tensorrt/i.test(name))).to.deep.equal([]);
      const run = (...args: readonly string[]) => {
        const program = join(prefix, 'bin/arpg');
        const done = spawnSync(program, args, { cwd: temporary(''), env: { ...plainEnvironment(), ...env } });
        expect(done.status, `${args.join(' ')}: ${done.stderr.toString()}`).to.equal(0);
        return done.stdout;
      };
      expect(run('--version').toString()).to.match(/^arpg\/\d/);
      expect(run('doctor').toString()).to.match(/^ok {2}onnx /m);
      const draw = ['sample', '--model', 'digits', '--class', '3', '--seed', '1', '-o', '-'];
      expect(run(...draw).equals(arpg(draw).stdout)).to.equal(true);
      run('sample', '--model', 'emoji', '--class', 'cat', '-o', temporary(`${folder}-cat.png`));
      run('sample', '--class', '1', '--target', 'gpujs:webasm', '-o', temporary(`${folder}-one.png`));
      run('export', '--format', 'gpujs', '-o', temporary(`${folder}-page.js`));
    });

  it('is a library for strict programs, without other packages', () => {
    const consumer = temporary('consumer');
    mkdirSync(consumer);
    writeFileSync(join(consumer, 'package.json'), '{ "type": "module", "private": true }');
    writeFileSync(join(consumer, 'main.ts'), CONSUMER);
    const env = emptyHome('npm-home');
    const { status, stderr } = npm(['install', '--ignore-scripts', tarball], { cwd: consumer, env });
    expect(status, stderr).to.equal(0);
    expect(existsSync(join(consumer, 'node_modules/@types'))).to.equal(false);
    const node = (...args: readonly string[]) =>
      spawnSync(process.execPath, args, {
        cwd: consumer,
        env: { ...plainEnvironment(), ...env },
        encoding: 'utf8',
      });
    expect(node(TSC, ...STRICT, 'main.ts')).to.include({ stdout: '', status: 0 });
    expect(node('main.js')).to.include({ stdout: '32 32\n', status: 0 });
    expect(JSON.parse(readFileSync(join(consumer, 'package.json'), 'utf8'))).to.have.property('dependencies');
  });
});
