// Bundles what is used of gpu.js into dist/vendor/gpu.cjs, and lays the library for pages beside it. The package itself
// depends on native libraries of all platforms (a Dawn older than the one in use, and headless-gl's tree), which would
// come with every installation.
import { copyFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { licenceTexts, packageFoldersOf } from './licenceTexts.mjs';

const vendor = fileURLToPath(new URL('../dist/vendor/', import.meta.url));
const library = dirname(createRequire(import.meta.url).resolve('gpu.js/package.json'));

const { metafile } = await build({
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
  metafile: true,
});
copyFileSync(join(library, 'dist/gpu-browser.min.js'), join(vendor, 'gpu-browser.min.js'));
writeFileSync(
  join(vendor, 'THIRD-PARTY-LICENSES.txt'),
  licenceTexts(packageFoldersOf(Object.keys(metafile.inputs))),
);
