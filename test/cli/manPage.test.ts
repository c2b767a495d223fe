import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ENVIRONMENT, manPage } from '../../src/cli/manPage.js';
import { commandName, commandShapes } from '../../src/cli/manifest.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const path = `${root}dist/man/arpg.1`;
const page = readFileSync(path, 'utf8');

describe('the manual page', () => {
  it('is what the commands are now, and where package.json says', () => {
    const { version, description, man } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
    expect(manPage(commandShapes(), { version, description, environment: ENVIRONMENT })).to.equal(page);
    expect(`${root}${man.replace(/^\.\//, '')}`).to.equal(path);
  });

  it('has every command with all its flags', () => {
    for (const { id, flags } of commandShapes()) {
      const section = page.slice(page.indexOf(`\n.SS ${commandName({ id })}\n`)).split('\n.SS ', 3);
      expect(section, id).to.have.length.above(1);
      for (const name of Object.keys(flags))
        expect(page, `${id} --${name}`).to.include(name.replaceAll('-', '\\-'));
    }
  });

  it('names every environment variable that the program reads', () => {
    const files = spawnSync(
      'grep',
      ['-rhoE', "(process\\.env|environment)\\.[A-Z_]+|env: '[A-Z_]+'", 'src', 'commands'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    const read = new Set(files.stdout.match(/[A-Z_]{4,}/g));
    const named = ENVIRONMENT.map(([names]) => names).join(' ');
    const ofOthers = ['XDG_RUNTIME_DIR', 'ORT_DISABLE_TELEMETRY'];
    expect([...read].filter((name) => !named.includes(name) && !ofOthers.includes(name))).to.deep.equal([]);
  });

  it('is ASCII, and troff has no complaints', function () {
    expect(page).to.match(/^\p{ASCII}*$/u);
    const { status, stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', path], {
      encoding: 'utf8',
    });
    if (status === null) return this.skip();
    expect(stderr).to.equal('');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: how bold letters are printed
    const text = stdout.replace(/\u001b\[[0-9;]*m|.\u0008/g, '');
    expect(text).to.include('EXIT STATUS').and.include('arpg.config.json');
  });
});
