// Bundles the program with the libraries that it needs, so that a command reads few files: dist/program/main.js, a file for
// each command, and what they share. Libraries with native parts, and those that few commands need, stay outside and are
// loaded when they are used.
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const commands = readdirSync(`${dist}commands`, { recursive: true }).filter((name) => name.endsWith('.js'));

rmSync(`${dist}program`, { recursive: true, force: true });
await build({
  entryPoints: [
    { in: `${dist}src/cli/program.js`, out: 'main' },
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
});
