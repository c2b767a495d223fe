import { expect } from 'chai';
import { arpgStep, arpgTeacherForced } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { arpgSystem, arpgConfig, arpgFields } from '../support/arpg.js';
import { eliminateCommonSubexpressions } from '../../src/compiler/commonSubexpressions.js';
import {
  add,
  constant,
  dim,
  divide,
  input,
  linear,
  makeGraph,
  matmul,
  pad,
  parameter,
  reshape,
  rmsNorm,
  scope,
} from '../../src/dsl/index.js';
import { drawingOf } from '../../src/inspect/boxes.js';
import { countElements } from '../../src/graph/dimension.js';
import { addCosts, formatQuantity, NO_COST } from '../../src/inspect/cost.js';
import { drawDot, drawSvg, drawTable } from '../../src/inspect/draw.js';
import { parametersOf } from '../../src/graph/graph.js';
import { GraphError } from '../../src/graph/graphError.js';
import { interpret } from '../support/interpret.js';
import type { ConstantNode, OperationNode, Tensor } from '../../src/graph/node.js';
import { printGraph } from '../../src/inspect/print.js';
import { graphFromJson, graphToJson } from '../../src/graph/serialize.js';
import { verify } from '../../src/graph/verify.js';
import { lowerToOnnx } from '../../src/targets/onnx/lowerToOnnx.js';
import { vqKind, vqConfig } from '../support/vq.js';
import { goldenJson } from '../support/golden.js';

const tiny = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'tiny'));
const vq16 = vqConfig(vqKind.presets['VQ-16']!);

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
    const config = arpgConfig(arpgSystem.config.presets['ARPG-L']!.config);
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
      const bindings = { batch: 2, content: 3, queries: 4, past: 5, height: 2, width: 2 };
      for (const depth of [0, 2, 3]) {
        const { boxes, arrows, total } = drawingOf(graph, { depth, bindings });
        const outputs = boxes.filter(({ kind }) => kind === 'output');
        expect(outputs.reduce((sum, { count }) => sum + count, 0)).to.equal(
          Object.keys(graph.outputs).length,
        );
        const known = new Set(boxes.map(({ id }) => id));
        for (const { from, to } of arrows)
          expect(known.has(from) && known.has(to), `${from} → ${to}`).to.equal(true);
        const svg = drawSvg(graph, { depth, bindings });
        const dot = drawDot(graph, { depth, bindings });
        for (const { title, id } of boxes) {
          expect(svg).to.include(`>${title}</text>`);
          expect(dot).to.include(`"${id}"`);
        }
        expect(svg).to.match(/^<svg [\s\S]*<\/svg>\n$/);
        // Nothing is lost by folding.
        const parts = boxes.reduce((sum, { cost }) => addCosts(sum, cost ?? NO_COST), NO_COST);
        expect(parts).to.deep.equal(total);
        const elements = parametersOf(graph).map(({ outputs: [own] }) =>
          countElements(own!.shape as number[]),
        );
        expect(total.parameters).to.equal(elements.reduce((sum, count) => sum + count, 0));
      }
    });
  }

  it('costs are counted by hand for a small graph', () => {
    const x = input('x', 'f32', [dim('batch'), 4]);
    const y = scope('layer.0', () => linear('proj', x, 2));
    const graph = makeGraph('small', [x], { y: scope('layer.1', () => linear('proj', y, 2)) });
    const drawing = drawingOf(graph, { depth: 2, bindings: { batch: 3 } });
    // 2·3·4·2 + 2·3·2·2 FLOPs; bytes of x, both weights, both results, the first result twice.
    const cost = { parameters: 12, flops: 72, bytes: 4 * (12 + 8 + 6 + 6 + 4 + 6) };
    expect(drawing.total).to.deep.equal(cost);
    const layers = drawing.boxes.filter(({ kind }) => kind === 'scope');
    expect(layers).to.deep.equal([
      { id: 'scope:layer.*', title: 'layer.0…1', kind: 'scope', count: 2, cost },
    ]);
    expect(drawTable(graph, { depth: 2, bindings: { batch: 3 } })).to.equal(
      [
        'small: 12 parameters, 72 FLOP, 168 B for batch 3',
        'layer.0…1 (2 layers)  12 parameters, 72 FLOP, 168 B',
        'total                 12 parameters, 72 FLOP, 168 B',
        '',
      ].join('\n'),
    );
  });

  it('quantities are short', () => {
    expect([0, 999, 1000, 320e6, 1.3e9].map((value) => formatQuantity(value, 'FLOP'))).to.deep.equal([
      '0 FLOP',
      '999 FLOP',
      '1.00 kFLOP',
      '320 MFLOP',
      '1.30 GFLOP',
    ]);
  });

  it('a published model fits on a page', () => {
    const { boxes, total } = drawingOf(arpgStep(arpgConfig(arpgSystem.config.presets['ARPG-L']!.config)), {
      depth: 3,
      bindings: { batch: 2, content: 8, queries: 8, past: 128 },
    });
    expect(boxes.length).to.be.below(30);
    expect(boxes.map(({ title, count }) => [title, count])).to.deep.include.members([
      ['layers.self_dec.0…11', 12],
      ['layers.cross_dec.0…11', 12],
      ['past.*', 26],
    ]);
    // The paper counts 320 M.
    expect(total.parameters / 1e6).to.be.closeTo(320, 1);
  });

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

describe('numbers that JSON has no text for', () => {
  const special = [Infinity, -Infinity, Number.NaN, -0, 0, 1e308, 5e-324];
  const padded = (value: number) => pad(input('x', 'f32', [2]), [1], [0], value);

  it('survive the round trip as attributes and constants', () => {
    for (const value of special) {
      const y = add(padded(value), constant('f32', [3], [value, 1, value]));
      const x = (y.node.inputs[0]!.node as OperationNode).inputs[0]!;
      const json = graphToJson(makeGraph('special', [x], { y }));
      const copy = graphFromJson(JSON.parse(JSON.stringify(json)));
      const [left, right] = copy.outputs.y!.node.inputs as [Tensor, Tensor];
      expect((left.node as OperationNode).attributes.value, String(value)).to.satisfy((own: number) =>
        Object.is(own, value),
      );
      expect(Array.from((right.node as ConstantNode).data)).to.deep.equal([
        Math.fround(value),
        1,
        Math.fround(value),
      ]);
      expect(printGraph(copy)).to.equal(printGraph(makeGraph('special', [x], { y })));
    }
  });

  it('are told apart where equal operations and constants are merged', () => {
    const x = input('x', 'f32', [2]);
    const values = [...special, ...special];
    const outputs = values.flatMap((value, index) => [
      [`pad${index}`, pad(x, [1], [0], value)],
      [`constant${index}`, divide(1, constant('f32', [1], [value]))],
    ]) as [string, Tensor][];
    const graph = makeGraph('merged', [x], Object.fromEntries(outputs));
    const merged = eliminateCommonSubexpressions.run(graph);
    const pads = new Set(values.map((_, index) => merged.outputs[`pad${index}`]));
    expect(pads.size).to.equal(special.length);
    const given = { x: { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) } } as const;
    expect(interpret(merged, given)).to.deep.equal(interpret(graph, given));
  });

  it('stay apart as attributes of ONNX nodes', () => {
    const x = input('x', 'f32', [2, 4]);
    const scale = constant('f32', [4], [1, 1, 1, 1]);
    const outputs = special.map((value, index) => [`y${index}`, rmsNorm(x, scale, value)] as const);
    const { model } = lowerToOnnx(makeGraph('norms', [x], Object.fromEntries(outputs)));
    expect(model.graph.node.filter(({ opType }) => opType === 'RMSNormalization')).to.have.length(
      special.length,
    );
  });

  it('nothing but numbers, choices and dims is an attribute', () => {
    const x = input('x', 'f32', [2]);
    const json = graphToJson(makeGraph('small', [x], { y: pad(x, [1], [0], 0) }));
    const withValue = (value: unknown) => ({
      ...json,
      nodes: json.nodes.map((own) =>
        own.attributes ? { ...own, attributes: { ...own.attributes, value } } : own,
      ),
    });
    graphFromJson(withValue({ number: '-Infinity' }));
    for (const bad of ['0); process.exit(1', { number: '1' }, { number: 1 }, null, { text: 'x' }, [[1]]])
      expect(() => graphFromJson(withValue(bad)), JSON.stringify(bad)).to.throw(GraphError, 'not a graph');
  });
});
