// Bundles what every exported page module contains: src/export/browser/runtime.ts with all that it imports, once for each
// system with the system's own drawing.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const source = fileURLToPath(new URL('../dist/src/', import.meta.url));

for (const file of readdirSync(`${source}systems`).filter((name) => name.endsWith('.js'))) {
  const { system, drawing } = await import(`${source}systems/${file}`);
  if (!system || !drawing) continue;
  await build({
    stdin: {
      contents: `import { createPageModel as create } from './export/browser/runtime.js';
import { drawing } from './systems/${file}';
export const createPageModel = (...rest) => create(drawing, ...rest);`,
      resolveDir: source,
    },
    outfile: `${source}export/browser/${system.name}.bundle.js`,
    bundle: true,
    format: 'iife',
    globalName: 'runtime',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
  });
}
