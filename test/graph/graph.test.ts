import { expect } from 'chai';
import { arpgStep, arpgTeacherForced } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { ARPG_PRESETS, arpgConfig, parseOfficialArpgConfig } from '../../src/arpg/config.js';
import {
  add,
  dim,
  input,
  linear,
  makeGraph,
  matmul,
  parameter,
  reshape,
  scope,
} from '../../src/dsl/index.js';
import { drawDot, drawSvg } from '../../src/graph/draw.js';
import { parametersOf } from '../../src/graph/graph.js';
import { GraphError } from '../../src/graph/graphError.js';
import { printGraph } from '../../src/graph/print.js';
import { graphFromJson, graphToJson } from '../../src/graph/serialize.js';
import { verify } from '../../src/graph/verify.js';
import { VQ_PRESETS, vqConfig } from '../../src/tokenizer/config.js';
import { goldenJson } from '../support/golden.js';

const tiny = arpgConfig(parseOfficialArpgConfig(goldenJson('arpg-tiny.json').config, 'tiny'));
const vq16 = vqConfig(VQ_PRESETS['VQ-16']!);

describe('building graphs', () => {
  it('shape errors name the operation, the shapes and the scope', () => {
    const x = input('x', 'f32', [dim('batch'), 4]);
    const build = () => scope('layers', () => scope('self_dec.3', () => scope('attn', () => matmul(x, x))));
    expect(build).to.throw(
      GraphError,
      'matmul(f32[batch, 4], f32[batch, 4]): the inner sizes differ: 4 and batch (in layers.self_dec.3.attn)',
    );
    expect(() => add(x, input('i', 'i32', [4]))).to.throw(GraphError, 'different dtypes');
    expect(() => reshape(x, [3, -1])).to.throw(GraphError, 'does not divide');
  });

  it('scopes are closed after a failure', () => {
    const x = input('x', 'f32', [2, 3]);
    expect(() => scope('broken', () => matmul(x, x))).to.throw(GraphError);
    expect(linear('ok', x, 4).node.scope).to.equal('ok');
  });

  it('refuses inputs that are not listed or listed twice', () => {
    const x = input('x', 'f32', [2]);
    expect(() => makeGraph('g', [], { y: add(x, 1) })).to.throw(GraphError, "uses input 'x'");
    expect(() => makeGraph('g', [x, input('x', 'f32', [2])], { y: x })).to.throw(GraphError, 'two inputs');
  });

  it('refuses one parameter with two shapes', () => {
    const [a, b] = [parameter('w', [2], { kind: 'ones' }), parameter('w', [1], { kind: 'ones' })];
    expect(() => verify(makeGraph('g', [], { y: add(a, b) }))).to.throw(GraphError, "parameter 'w'");
  });

  it('parameters carry the names and sizes of the published checkpoints', () => {
    const config = arpgConfig(ARPG_PRESETS['ARPG-L']!);
    const parameters = new Map(
      parametersOf(arpgStep(config)).map((node) => [node.name, node.outputs[0]!.shape]),
    );
    const count = [...parameters.values()].reduce(
      (sum, shape) => sum + shape.reduce<number>((a, b) => a * Number(b), 1),
      0,
    );
    expect(count / 1e6).to.be.closeTo(320, 0.5);
    expect(parameters.get('layers.cross_dec.11.attn.to_q.weight')).to.deep.equal([1024, 1024]);
    expect(parameters.get('layers.self_dec.0.ffn.w2.weight')).to.deep.equal([1024, 2816]);
    expect(parameters.get('embeddings.weight')).to.deep.equal([16384 + 1000 + 3, 1024]);
  });
});

describe('showing graphs', () => {
  const graphs = {
    step: arpgStep(tiny),
    train: arpgTeacherForced(tiny),
    encoder: vqEncoder(vq16),
    decoder: vqDecoder(vq16),
  };
  for (const [name, graph] of Object.entries(graphs)) {
    it(`${name} survives the JSON round trip`, () => {
      const copy = graphFromJson(JSON.parse(JSON.stringify(graphToJson(graph))));
      expect(printGraph(copy)).to.equal(printGraph(graph));
      verify(copy);
    });

    it(`${name} is drawn with a box for each shown scope and every output`, () => {
      const svg = drawSvg(graph, { depth: 2 });
      const dot = drawDot(graph, { depth: 2 });
      for (const output of Object.keys(graph.outputs)) {
        expect(svg).to.include(`>${output}</text>`);
        expect(dot).to.include(`"output:${output}"`);
      }
      expect(svg).to.match(/^<svg [\s\S]*<\/svg>\n$/);
    });
  }

  it('prints inputs, operations with attributes, scopes and outputs', () => {
    const x = input('x', 'f32', [dim('batch'), 4]);
    const graph = makeGraph('small', [x], { y: scope('layer', () => linear('proj', x, 2)) });
    expect(printGraph(graph)).to.equal(
      [
        'graph small(',
        '  %x: f32[batch, 4]',
        ') {',
        '  # layer.proj',
        '  %layer.proj.weight: f32[2, 4] = parameter',
        '  %0: f32[batch, 2] = matmul(%x, %layer.proj.weight) {transposeLeft=false, transposeRight=true}',
        '  return y=%0',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('refuses JSON that is no graph', () => {
    const good = graphToJson(graphs.step);
    for (const [what, bad] of Object.entries({
      'another version': { ...good, format_version: 2 },
      'an unknown operation': {
        ...good,
        nodes: [{ kind: 'operation', scope: '', name: 'launch', inputs: [], attributes: {} }],
      },
      'a node from the future': {
        ...good,
        nodes: [{ kind: 'operation', scope: '', name: 'exp', inputs: [[5, 0]], attributes: {} }],
      },
      'a short constant': {
        ...good,
        nodes: [{ kind: 'constant', scope: '', dtype: 'f32', shape: [2], data: 'AAAA' }],
      },
      nothing: null,
    }))
      expect(() => graphFromJson(bad), what).to.throw(GraphError, 'not a graph');
  });
});
