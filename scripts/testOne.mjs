// Runs one test file alone, by its source or what was compiled from it: `npm run test:one test/graph/graph.test.ts`.
// More arguments go to mocha, for example `-- --grep PATTERN`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [file, ...others] = process.argv.slice(2);

function refuse(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

if (file === undefined) refuse('usage: npm run test:one FILE, for example test/graph/graph.test.ts');
// npm runs scripts in the project's folder, wherever it was called.
const named = isAbsolute(file) ? file : resolve(process.env.INIT_CWD ?? '.', file);
const name = relative(root, existsSync(named) ? named : join(root, file)).replace(/^dist\//, '');
const compiled = join(root, 'dist', name.replace(/\.ts$/, '.js'));
if (!/^test\/.*\.test\.[jt]s$/.test(name) || !existsSync(compiled))
  refuse(`${file}: there is no such test; name a file like test/graph/graph.test.ts`);
const config = name.startsWith('test/slow/') ? '.mocharc.slow.json' : '.mocharc.json';
const { timeout } = JSON.parse(readFileSync(join(root, config), 'utf8'));
const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const args = [mocha, '--no-config', '--timeout', String(timeout), ...others, compiled];
process.exit(spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1);
