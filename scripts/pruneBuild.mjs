// Makes dist fit for an incremental build: what was compiled from sources that are no more is removed, and where a
// source has nothing compiled, the compiler's notes of what it has done are, so that it compiles everything again.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const areas = ['src', 'commands', 'graphs', 'kernels', 'test', 'bench'];

const filesOf = (folder, ending) =>
  areas
    .filter((area) => existsSync(join(folder, area)))
    .flatMap((area) => readdirSync(join(folder, area), { recursive: true }).map((name) => join(area, name)))
    .filter((path) => path.endsWith(ending))
    .map((path) => path.slice(0, -ending.length));

const compiled = filesOf(dist, '.d.ts');
for (const name of compiled)
  if (!existsSync(join(root, `${name}.ts`)))
    for (const ending of ['.d.ts', '.js', '.js.map']) rmSync(join(dist, `${name}${ending}`), { force: true });

// The page is bundled, not compiled.
const page = join('src', 'serve', 'page');
const sources = filesOf(root, '.ts').filter((name) => !name.startsWith(page));
const isComplete = sources.every((name) => existsSync(join(dist, `${name}.js`)));
if (!isComplete) rmSync(join(dist, '.tsbuildinfo'), { force: true });
