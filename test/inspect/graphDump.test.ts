import { expect } from 'chai';
import { compileGraph, runPasses } from '../../src/compiler/compile.js';
import { add, input, makeGraph, multiply } from '../../src/dsl/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { GraphError } from '../../src/graph/graphError.js';
import { graphDump } from '../../src/inspect/graphDump.js';
import { observe } from '../../src/inspect/observer.js';
import { printGraph } from '../../src/inspect/print.js';
import { verifyPasses } from '../../src/inspect/verifyPasses.js';
import { hasOnnxForm } from '../../src/targets/onnx/lowerToOnnx.js';

const x = input('x', 'f32', [4]);
const graph = makeGraph('g', [x], { y: add(multiply(x, 1), 2) });

function dumped(work: () => void): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const stop = observe(graphDump((path, text) => void files.set(path, text)));
  try {
    work();
  } finally {
    stop();
  }
  return files;
}

describe('dumped graphs', () => {
  it('are the graph after each pass, in order', () => {
    const states: [string, Graph][] = [];
    const onPass = (pass: string, state: Graph) => void states.push([pass, state]);
    const files = dumped(() => compileGraph(graph, { supports: hasOnnxForm, onPass }));
    const expected = states.map(([pass, state], index): [string, string] => [
      `01-g/${String(index).padStart(2, '0')}-${pass}.txt`,
      printGraph(state),
    ]);
    expect([...files]).to.deep.equal(expected);
    expect(files.get('01-g/00-build.txt')).to.include('multiply');
    expect(files.get('01-g/02-simplify.txt')).not.to.include('multiply');
  });

  it('are numbered', () => {
    const files = dumped(() => {
      runPasses(graph, []);
      runPasses(graph, []);
    });
    expect([...files.keys()]).to.deep.equal(['01-g/00-build.txt', '02-g/00-build.txt']);
  });

  it('stay in their folder whatever they are called', () => {
    for (const name of [
      '../../up',
      '/etc/passwd',
      '..',
      '',
      'a\\b:c\u0000\n',
      'é'.repeat(300),
      'n'.repeat(300),
    ]) {
      const files = dumped(() => runPasses({ ...graph, name }, [{ name: `../${name}`, run: (own) => own }]));
      for (const path of files.keys())
        expect(path).to.match(/^\d\d-[\w-][\w.-]{0,59}\/\d\d-[\w-][\w.-]{0,59}\.txt$/);
      expect(files.size).to.equal(2);
    }
  });
});

describe('passes that are verified', () => {
  const spoil = {
    name: 'spoil',
    run(own: Graph): Graph {
      const { node } = own.outputs.y!;
      const wrong = { ...node, outputs: [{ ...node.outputs[0]!, shape: [5] }] };
      return { ...own, outputs: { y: { ...node.outputs[0]!, shape: [5], node: wrong as typeof node } } };
    },
  };

  it('are named when they leave a graph that is wrong', () => {
    const stop = observe(verifyPasses);
    try {
      expect(() => runPasses(graph, [{ name: 'fine', run: (own) => own }, spoil])).to.throw(
        GraphError,
        /graph 'g' is wrong after the compiler pass 'spoil': add should give f32\[4\], not f32\[5\]/,
      );
      expect(runPasses(graph, [{ name: 'fine', run: (own) => own }])).to.equal(graph);
    } finally {
      stop();
    }
    expect(() => runPasses(graph, [spoil])).not.to.throw();
  });
});
