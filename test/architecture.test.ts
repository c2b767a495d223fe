import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Areas, and the areas that each may import besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'src/printable.ts': [],
  'src/random': [],
  'src/graph': ['src/printable.ts', 'src/random'],
  'src/inspect': ['src/graph', 'src/printable.ts'],
  kernels: ['src/graph', 'src/random'],
  'src/dsl': ['src/graph', 'src/random', 'kernels'],
  graphs: ['src/dsl'],
  'src/compiler': ['src/graph', 'src/inspect', 'kernels'],
  'src/targets': [
    'src/graph',
    'src/inspect',
    'src/compiler',
    'src/dsl',
    'src/errors.ts',
    'src/printable.ts',
    'src/files',
    'src/breathe.ts',
    'src/packageFiles.ts',
  ],
  'src/errors.ts': [],
  'src/codes.ts': [],
  // Processes that a launcher started together.
  'src/cluster': ['src/errors.ts', 'src/partialNames.ts'],
  'src/shard.ts': [],
  'src/decoderInput.ts': ['src/codes.ts', 'src/targets'],
  'src/breathe.ts': [],
  'src/packageFiles.ts': [],
  'src/nearNames.ts': [],
  'src/modelPlaces.ts': ['src/packageFiles.ts', 'src/download'],
  'src/files': ['src/errors.ts', 'src/partialNames.ts'],
  'src/jsonFile.ts': ['src/errors.ts', 'src/files'],
  'src/outputPlace.ts': [],
  'src/directOutput.ts': ['src/outputPlace.ts'],
  'src/partialNames.ts': [],
  'src/fileLock.ts': ['src/partialNames.ts'],
  'src/memoryLimit.ts': ['src/errors.ts'],
  'src/atomicFile.ts': [
    'src/errors.ts',
    'src/files',
    'src/directOutput.ts',
    'src/outputPlace.ts',
    'src/partialNames.ts',
  ],
  'src/data': ['src/codes.ts', 'src/errors.ts', 'src/files', 'src/jsonFile.ts'],
  'src/conditions': ['src/random', 'src/errors.ts', 'src/nearNames.ts'],
  'src/sampling': [
    'src/codes.ts',
    'graphs',
    'src/graph',
    'src/random',
    'src/targets',
    'src/conditions',
    'src/errors.ts',
    'src/jsonFile.ts',
  ],
  'src/systems': [
    'src/codes.ts',
    'graphs',
    'src/graph',
    'src/random',
    'src/targets',
    'src/sampling',
    'src/tokenizers',
    'src/conditions',
    'src/errors.ts',
  ],
  'src/tokenizers': [
    'src/codes.ts',
    'src/decoderInput.ts',
    'graphs',
    'src/graph',
    'src/targets',
    'src/data',
    'src/errors.ts',
  ],
  'src/editing': [
    'src/codes.ts',
    'graphs',
    'src/sampling',
    'src/conditions',
    'src/tokenizers',
    'src/data',
    'src/errors.ts',
  ],
  'src/checkpoints': ['src/graph', 'src/errors.ts', 'src/files', 'src/jsonFile.ts'],
  'src/models': [
    'src/codes.ts',
    'src/compiler',
    'src/graph',
    'src/systems',
    'src/conditions',
    'src/tokenizers',
    'src/checkpoints',
    'src/errors.ts',
    'src/files',
    'src/jsonFile.ts',
    'src/atomicFile.ts',
    'src/printable.ts',
  ],
  'src/training': [
    'src/cluster',
    'src/codes.ts',
    'graphs',
    'src/graph',
    'src/random',
    'src/dsl',
    'src/compiler',
    'src/targets',
    'src/sampling',
    'src/conditions',
    'src/systems',
    'src/tokenizers',
    'src/data',
    'src/checkpoints',
    'src/models',
    'src/errors.ts',
    'src/files',
    'src/jsonFile.ts',
    'src/atomicFile.ts',
    'src/fileLock.ts',
    'src/memoryLimit.ts',
  ],
  'src/evaluation': [
    'graphs',
    'src/graph',
    'src/random',
    'src/targets',
    'src/sampling',
    'src/tokenizers',
    'src/data',
    'src/checkpoints',
    'src/models',
    'src/errors.ts',
    'src/files',
    'src/packageFiles.ts',
    'src/shard.ts',
  ],
  'src/download': [
    'src/errors.ts',
    'src/files',
    'src/jsonFile.ts',
    'src/printable.ts',
    'src/partialNames.ts',
    'src/fileLock.ts',
  ],
  'src/export': [
    'src/codes.ts',
    'src/decoderInput.ts',
    'graphs',
    'src/graph',
    'src/compiler',
    'src/targets',
    'src/sampling',
    'src/conditions',
    'src/systems',
    'src/errors.ts',
    'src/atomicFile.ts',
    'src/breathe.ts',
    'src/printable.ts',
    'src/packageFiles.ts',
  ],
  'src/library': [
    'src/codes.ts',
    'src/files',
    'graphs',
    'src/graph',
    'src/compiler',
    'src/inspect',
    'src/random',
    'src/targets',
    'src/sampling',
    'src/conditions',
    'src/systems',
    'src/tokenizers',
    'src/editing',
    'src/checkpoints',
    'src/models',
    'src/data',
    'src/export',
    'src/download',
    'src/errors.ts',
    'src/jsonFile.ts',
    'src/atomicFile.ts',
    'src/breathe.ts',
    'src/modelPlaces.ts',
    'src/nearNames.ts',
    'src/printable.ts',
  ],
  // Measuring whole models.
  'src/bench': [
    'src/codes.ts',
    'graphs',
    'src/graph',
    'src/inspect',
    'src/dsl',
    'src/compiler',
    'src/targets',
    'src/sampling',
    'src/systems',
    'src/tokenizers',
    'src/models',
    'src/data',
    'src/download',
    'src/library',
    'src/errors.ts',
    'src/jsonFile.ts',
    'src/memoryLimit.ts',
    'src/modelPlaces.ts',
  ],
  // What the package exports: drawing; graphs and what runs them; training.
  'src/index.ts': [
    'src/codes.ts',
    'src/shard.ts',
    'src/library',
    'src/export',
    'graphs',
    'src/graph',
    'src/random',
    'src/sampling',
    'src/conditions',
    'src/systems',
    'src/tokenizers',
    'src/editing',
    'src/models',
    'src/data',
    'src/errors.ts',
    'src/files',
    'src/atomicFile.ts',
    'src/memoryLimit.ts',
    'src/modelPlaces.ts',
  ],
  'src/faces': [
    'src/cluster',
    'src/library',
    'src/evaluation',
    'src/data',
    'src/systems',
    'src/tokenizers',
    'src/training',
    'graphs',
    'src/dsl',
    'src/graph',
    'src/inspect',
    'src/compiler',
    'src/targets',
  ],
  // The server and its page.
  'src/serve': ['src/index.ts', 'src/errors.ts', 'src/packageFiles.ts'],
  'src/cli': [
    'src/cluster',
    'src/index.ts',
    'src/faces',
    'src/errors.ts',
    'src/partialNames.ts',
    'src/atomicFile.ts',
    'src/directOutput.ts',
    'src/graph',
    'src/printable.ts',
    'src/packageFiles.ts',
    'src/nearNames.ts',
    'src/modelPlaces.ts',
    'src/jsonFile.ts',
    // What is kept from one command to the next.
    'src/download',
    'src/files',
    'src/targets',
  ],
  commands: ['src/cluster', 'src/index.ts', 'src/faces', 'src/cli', 'src/serve', 'src/bench'],
};
/** Whatever needs the whole: nothing imports these. */
const TOPS = ['test', 'bench'];

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function areaOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' ? parts.slice(0, 2).join('/') : parts[0]!;
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)].map(([, target]) =>
    relative(root, resolve(dirname(file), target!.replace(/\.js$/, '.ts'))),
  );
}

describe('import direction', () => {
  const files = ['src', 'kernels', 'graphs', ...TOPS].flatMap((folder) => sourceFiles(join(root, folder)));
  const edges = files.flatMap((file) =>
    importsOf(file).map((target) => ({ file: relative(root, file), target })),
  );

  it('finds the imports', () => {
    expect(edges.length).to.be.greaterThan(300);
  });

  it('every area imports only what lies below it', () => {
    const wrong = edges.filter(({ file, target }) => {
      const [from, to] = [areaOf(file), areaOf(target)];
      return from !== to && !TOPS.includes(from) && !ALLOWED[from]?.includes(to);
    });
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).to.deep.equal([]);
  });

  it('there are no circles between files', () => {
    const targets = new Map<string, string[]>();
    // Types may refer to each other; only imports that load code count.
    for (const file of files) {
      const text = readFileSync(file, 'utf8').replace(/import type [^;]*;/g, '');
      const loaded = [...text.matchAll(/(?:from|import)\s*'(\.[^']*)'/g)].map(([, target]) =>
        relative(root, resolve(dirname(file), target!.replace(/\.js$/, '.ts'))),
      );
      targets.set(relative(root, file), loaded);
    }
    const state = new Map<string, 'open' | 'done'>();
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') expect.fail(`circle: ${[...path, file].join(' → ')}`);
      state.set(file, 'open');
      for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of targets.keys()) visit(file, []);
  });
});
