// Bundles the program with the libraries that it needs, so that a command reads few files: dist/program/main.js, a file for
// each command, and what they share. Libraries with native parts, and those that few commands need, stay outside and are
// loaded when they are used.
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const commands = readdirSync(`${dist}commands`, { recursive: true }).filter((name) => name.endsWith('.js'));

const options = {
  entryPoints: [
    { in: `${dist}src/cli/program.js`, out: 'main' },
    { in: `${dist}src/cli/help.js`, out: 'help' },
    { in: `${dist}src/cli/completion/main.js`, out: 'complete' },
    ...commands.map((name) => ({ in: `${dist}commands/${name}`, out: `commands/${name.slice(0, -3)}` })),
  ],
  outdir: `${dist}program`,
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['onnxruntime-node', 'sharp', 'webgpu', 'gpu.js', 'undici'],
  // Libraries in the older form of modules ask for parts of Node.js.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  minifySyntax: true,
  minifyWhitespace: true,
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
await build(withDigest(hash.digest('hex')));
