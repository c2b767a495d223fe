import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../support/docs/examples.js';

/** The package's entries, and the pages that list what they export. */
const FACES: Readonly<Record<string, string>> = {
  'src/index.d.ts': 'arpg.md',
  'src/faces/graph.d.ts': 'arpg/graph.md',
  'src/faces/training.d.ts': 'arpg/training.md',
  'src/faces/evaluation.d.ts': 'arpg/evaluation.md',
};

/** What a declaration file exports by name, types included, following `export *`. */
function exportsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8').replace(/\/\*.*?\*\//gs, '');
  const named = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) =>
    list!
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .map((name) => name.split(' as ').at(-1)!)
      .filter((name) => name !== ''),
  );
  const declared = [
    ...text.matchAll(/^export (?:declare )?(?:const|function|class|interface|type) (\w+)/gm),
  ].map(([, name]) => name!);
  const followed = [...text.matchAll(/export \* from '([^']+)\.js'/g)].flatMap(([, path]) =>
    exportsOf(join(file, '..', `${path}.d.ts`)),
  );
  return [...named, ...declared, ...followed];
}

describe('the reference of the library', () => {
  for (const [entry, page] of Object.entries(FACES))
    it(`${page} lists what is exported, and nothing else`, () => {
      const exported = [...new Set(exportsOf(join(ROOT, 'dist', entry)))].sort();
      const text = readFileSync(join(ROOT, 'docs/api', page), 'utf8').replaceAll('\\_', '_');
      // In code, headings look like #; names of functions have parentheses, types their parameters.
      const headings = [...text.matchAll(/^### (?:~~)?([\w$]+)/gm)].map(([, name]) => name!);
      const listed = [...new Set(headings)].sort();
      expect(exported.length).to.be.greaterThan(20);
      expect(listed, 'npm run docs:api writes it anew').to.deep.equal(exported);
    });
});
