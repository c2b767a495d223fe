import { readFileSync } from 'node:fs';
import { expect } from 'chai';

/** What users import, by the package's own name, and some of what they look for there. */
const FACES = {
  arpg: ['load', 'sample', 'inpaint', 'openGenerator', 'encodePng', 'exportOnnx', 'pull', 'UserError'],
  'arpg/graph': ['input', 'parameter', 'matmul', 'makeGraph', 'compileGraph', 'printGraph', 'resolveTarget'],
  'arpg/evaluation': ['compareSets', 'gatherStatistics', 'frechetDistance', 'inceptionNetwork', 'METRICS'],
  'arpg/training': ['trainGenerator', 'trainTokenizer', 'TRAINING_DEFAULTS', 'train', 'readLog'],
} as const;

describe('the faces of the package', () => {
  const importFace = (name: string) => import(name) as Promise<Readonly<Record<string, unknown>>>;

  for (const [face, names] of Object.entries(FACES))
    it(`${face} names what its users need`, async () => {
      const exported = await importFace(face);
      expect(Object.keys(exported)).to.include.members([...names]);
      for (const name of names) expect(exported[name], name).to.not.equal(undefined);
    });

  it('there are no others', () => {
    const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      readonly exports: Readonly<Record<string, { readonly types?: string; readonly default?: string }>>;
    };
    const paths = Object.keys(FACES).map((face) => face.replace(/^arpg/, '.'));
    expect(Object.keys(exports)).to.have.members([...paths, './package.json']);
    // The code is bundled, the types are not.
    for (const path of paths) {
      const face = path === '.' ? 'index' : path.slice(2);
      expect(exports[path]).to.deep.equal({
        types: `./dist/src/${path === '.' ? '' : 'faces/'}${face}.d.ts`,
        default: `./dist/program/library/${face}.js`,
      });
    }
  });

  it('each name is of one face', async () => {
    const faces = await Promise.all(Object.keys(FACES).map(importFace));
    const all = faces.flatMap((face) => Object.keys(face));
    const twice = all.filter((name, index) => all.indexOf(name) !== index);
    expect(twice).to.deep.equal([]);
  });

  it('a graph is written, differentiated and run with arpg/graph alone', async () => {
    const { input, multiply, sum, makeGraph, withGradients, resolveTarget, floatTensor } = (await import(
      'arpg/graph' as string
    )) as typeof import('../src/faces/graph.js');
    const x = input('x', 'f32', [3]);
    const graph = withGradients(makeGraph('squares', [x], { loss: sum(multiply(x, x)) }), 'loss', ['x']);
    const executable = await (await resolveTarget('reference')).compile(graph);
    const outputs = await executable.run({ x: floatTensor([3], [1, 2, 3]) });
    expect(Array.from((await outputs['gradient.x']!.read()).data)).to.deep.equal([2, 4, 6]);
    await executable.dispose();
  });
});
