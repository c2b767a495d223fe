// Bundles the program with the libraries that it needs, so that a command reads few files: dist/program/main.js, a file for
// each command, the package's faces in dist/program/library, and what they share.
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { EXTERNAL_LIBRARIES } from './externalLibraries.mjs';
import { licenceTexts, packageFoldersOf } from './licenceTexts.mjs';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const isModule = (name) => name.endsWith('.js');
const commands = readdirSync(`${dist}commands`, { recursive: true }).filter(isModule);
const faces = readdirSync(`${dist}src/faces`).filter(isModule);

const options = {
  entryPoints: [
    { in: `${dist}src/cli/start.js`, out: 'main' },
    { in: `${dist}src/cli/help.js`, out: 'help' },
    ...commands.map((name) => ({ in: `${dist}commands/${name}`, out: `commands/${name.slice(0, -3)}` })),
    { in: `${dist}src/index.js`, out: 'library/index' },
    ...faces.map((name) => ({ in: `${dist}src/faces/${name}`, out: `library/${name.slice(0, -3)}` })),
  ],
  outdir: `${dist}program`,
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: EXTERNAL_LIBRARIES,
  // Libraries in the older form of modules ask for parts of Node.js.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  minify: true,
  legalComments: 'linked',
  logLevel: 'warning',
};

// What the program keeps between commands is of use to the same program alone.
const withDigest = (digest) => ({ ...options, define: { PROGRAM_DIGEST: JSON.stringify(digest) } });
const { outputFiles } = await build({ ...withDigest(''), write: false });
const hash = createHash('sha256');
for (const { path, contents } of outputFiles.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
  hash.update(path.slice(dist.length)).update(contents);

rmSync(`${dist}program`, { recursive: true, force: true });
const { metafile } = await build({ ...withDigest(hash.digest('hex')), metafile: true });
writeFileSync(
  `${dist}program/THIRD-PARTY-LICENSES.txt`,
  licenceTexts(packageFoldersOf(Object.keys(metafile.inputs))),
);
