// Bundles what every exported page module contains: src/export/browser/runtime.ts with all that it imports.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(`../dist/src/export/browser/${name}`, import.meta.url));

await build({
  entryPoints: [path('runtime.js')],
  outfile: path('runtime.bundle.js'),
  bundle: true,
  format: 'iife',
  globalName: 'runtime',
  platform: 'browser',
  target: 'es2022',
  legalComments: 'none',
});
