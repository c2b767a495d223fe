// Bundles what is used of gpu.js into dist/vendor/gpu.cjs, and lays the library for pages beside it. The package itself
// depends on native libraries of all platforms (a Dawn older than the one in use, and headless-gl's tree), which would
// come with every installation.
import { copyFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const vendor = fileURLToPath(new URL('../dist/vendor/', import.meta.url));
const library = dirname(createRequire(import.meta.url).resolve('gpu.js/package.json'));

await build({
  entryPoints: [join(library, 'src/index.js')],
  outfile: join(vendor, 'gpu.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // headless-gl is used where it is installed.
  external: ['gl'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
});
for (const [from, to] of [
  ['dist/gpu-browser.min.js', 'gpu-browser.min.js'],
  ['LICENSE', 'gpu-LICENSE'],
])
  copyFileSync(join(library, from), join(vendor, to));
