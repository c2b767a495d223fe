// Bundles the page of `arpg serve`: its script and style, with its HTML and icon beside them.
import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const source = fileURLToPath(new URL('../src/serve/page/', import.meta.url));
const target = fileURLToPath(new URL('../dist/page/', import.meta.url));

mkdirSync(target, { recursive: true });
await build({
  entryPoints: [`${source}page.ts`, `${source}page.css`],
  outdir: target,
  bundle: true,
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) copyFileSync(`${source}${file}`, `${target}${file}`);
