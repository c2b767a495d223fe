// Makes a folder and an archive that hold the whole program for the platform at hand, and need neither npm nor a Node.js:
// `npm run package -- [OUT]` writes OUT/arpg-linux-x64/ and OUT/arpg-linux-x64.tar.gz, say; OUT is `out` by default. The
// archive of the same files is the same, byte for byte. dist must be built.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from 'tar';
import { launcher } from './launchers.mjs';
import { licenceTexts } from './licenceTexts.mjs';
import { nodeBinary } from './nodeBinary.mjs';
import { filesNeededOf, runtimePackages } from './runtimePackages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const name = `arpg-${process.platform}-${process.arch}`;
const out = resolve(process.env.INIT_CWD ?? '.', process.argv[2] ?? join(root, 'out'));
const folder = join(out, name);
const LICENCES = 'THIRD-PARTY-LICENSES.txt';

/** What npm would publish. */
function publishedFiles() {
  const npm = process.env.npm_execpath;
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 };
  const said = npm
    ? execFileSync(process.execPath, [npm, ...args], options)
    : execFileSync('npm', args, { ...options, shell: process.platform === 'win32' });
  const [{ files }] = Object.values(JSON.parse(said));
  return files.map(({ path }) => path);
}

/**
 * The program has all it needs in its bundle: the library's modules stay out, but not what it reads beside them. The
 * launcher takes the place of npm's.
 */
const isLeftOut = (path) =>
  path === 'bin/arpg.js' ||
  path.endsWith(LICENCES) ||
  (/^dist\/(src|graphs|kernels)\/.*\.(js|d\.ts)$/.test(path) && !path.endsWith('.bundle.js'));

function copy(from, to) {
  mkdirSync(dirname(join(folder, to)), { recursive: true });
  cpSync(from, join(folder, to), { dereference: true });
}

function write(path, text) {
  writeFileSync(join(folder, path), text);
}

/** What the program reads of its own package.json; the rest is about the library. */
function programManifest() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const fields = ['name', 'version', 'description', 'license', 'type', 'oclif'];
  const kept = Object.fromEntries(fields.map((field) => [field, manifest[field]]));
  return `${JSON.stringify(kept, null, 2)}\n`;
}

const published = publishedFiles();
if (!published.includes('dist/program/main.js')) {
  process.stderr.write('dist/program is missing; run npm run build first\n');
  process.exit(1);
}

rmSync(folder, { recursive: true, force: true });
for (const path of published.filter((path) => !isLeftOut(path))) copy(join(root, path), path);
write('package.json', programManifest());

const packages = runtimePackages(root);
for (const source of packages)
  for (const path of filesNeededOf(source)) copy(join(source, path), join(relative(root, source), path));

const node = nodeBinary();
const nodeName = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node';
if (node) copy(node.program, nodeName);
else process.stderr.write('this Node.js cannot be brought along: the program will need one on the PATH\n');
const { name: launcherName, text } = launcher(node !== undefined);
write(launcherName, text);

const rule = `\n\n${'='.repeat(80)}\n\n`;
write(
  LICENCES,
  [
    ...published
      .filter((path) => path.endsWith(LICENCES))
      .map((path) => readFileSync(join(root, path), 'utf8')),
    licenceTexts(packages),
    ...(node ? [`Node.js ${process.versions.node}\n\n${readFileSync(node.licence, 'utf8')}`] : []),
    ...['LGPL-3.0', 'GPL-3.0'].map((licence) => readFileSync(join(root, `licenses/${licence}.txt`), 'utf8')),
  ].join(rule),
);

const archive = `${folder}.tar.gz`;
const programs = new Set([launcherName, nodeName].map((path) => join(folder, path)));
const paths = readdirSync(folder, { recursive: true }).map((path) => join(folder, path));
// Others can use it, whoever makes it and with whatever umask.
for (const path of [folder, ...paths])
  chmodSync(path, programs.has(path) || statSync(path).isDirectory() ? 0o755 : 0o644);
const names = paths
  .filter((path) => statSync(path).isFile())
  .map((path) => relative(out, path).replaceAll('\\', '/'))
  .sort();
// Neither owners nor dates tell archives of the same files apart.
const settings = { cwd: out, portable: true, mtime: new Date(0), gzip: { level: 9 } };
await create({ ...settings, file: `${archive}.partial` }, names);
renameSync(`${archive}.partial`, archive);
const megabytes = (statSync(archive).size / 1e6).toFixed(1);
process.stdout.write(`${folder}\n${archive} (${megabytes} MB)\n`);
