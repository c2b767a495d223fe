import { expect } from 'chai';
import { compileGraph } from '../../src/compiler/compile.js';
import { quantizeWeights } from '../../src/compiler/quantizeWeights.js';
import {
  add,
  dim,
  embedding,
  type Graph,
  input,
  linear,
  makeGraph,
  matmul,
  multiply,
  parameter,
} from '../../src/dsl/index.js';
import { nodesOf } from '../../src/graph/graph.js';
import { readFloats, storedFloats, type Weights } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { intTensor } from '../../src/targets/target.js';

const WIDTH = 64;
const ROWS = 5;
const BY_ROWS = { transposeRight: true };
const table = () => parameter('table', [ROWS, WIDTH], { kind: 'zeros' });
const ids = () => input('ids', 'i32', [dim('batch')]);

/** ids → rows of a table → layer → logits; the head is the table where `head` is that. */
function languageModel(head: 'table' | 'head'): Graph {
  const tokens = ids();
  const rows = table();
  const hidden = linear('layer', embedding(rows, tokens), WIDTH);
  const weight = head === 'table' ? rows : parameter(head, [ROWS, WIDTH], { kind: 'zeros' });
  return makeGraph('language', [tokens], { logits: matmul(hidden, weight, BY_ROWS) });
}

const random = (shape: readonly [number, number]) =>
  storedFloats(
    shape,
    Float32Array.from({ length: shape[0] * shape[1] }, (_, at) => Math.sin(at * at + shape[0])),
  );

const WEIGHTS: Weights = new Map([
  ['table', random([ROWS, WIDTH])],
  ['head', random([ROWS, WIDTH])],
  ['layer.weight', random([WIDTH, WIDTH])],
]);

const quantizedNames = (weights: Weights) =>
  [...weights].filter(([, { quantized }]) => quantized).map(([name]) => name);

describe('weights in fewer bits', () => {
  for (const precision of ['int8', 'int4'] as const) {
    it(`${precision}: a table that is looked up and multiplied by stays as it is, bit for bit`, async () => {
      const tied = languageModel('table');
      const weights = quantizeWeights([tied], WEIGHTS, precision);
      expect(quantizedNames(weights)).to.deep.equal(['layer.weight']);
      expect(weights.get('table')).to.equal(WEIGHTS.get('table'));
      const compiled = compileGraph(tied, { supports: () => true, weights });
      const ops = nodesOf(compiled).flatMap((node) => (node.kind === 'operation' ? [node.op.name] : []));
      expect(ops.filter((name) => name === 'quantizedLinear')).to.have.length(1);
      expect(ops.filter((name) => name === 'matmul')).to.have.length(1);
    });

    it(`${precision}: of two graphs each may use it in its own way`, () => {
      const hidden = input('hidden', 'f32', [dim('batch'), WIDTH]);
      const head = makeGraph('head', [hidden], { logits: matmul(hidden, table(), BY_ROWS) });
      const tokens = ids();
      const lookUp = makeGraph('embed', [tokens], { rows: embedding(table(), tokens) });
      expect(quantizedNames(quantizeWeights([head], WEIGHTS, precision))).to.deep.equal(['table']);
      for (const graphs of [
        [head, lookUp],
        [lookUp, head],
      ])
        expect(quantizedNames(quantizeWeights(graphs, WEIGHTS, precision))).to.deep.equal([]);
    });

    it(`${precision}: two products with one matrix compute as the reference does`, async () => {
      const tokens = ids();
      const x = embedding(table(), tokens);
      const weight = parameter('head', [ROWS, WIDTH], { kind: 'zeros' });
      const graph = makeGraph('twice', [tokens], {
        sum: add(matmul(x, weight, BY_ROWS), matmul(multiply(x, x), weight, BY_ROWS)),
      });
      const weights = quantizeWeights([graph], WEIGHTS, precision);
      expect(quantizedNames(weights)).to.deep.equal(['head']);
      const run = async (target: ReturnType<typeof onnxTarget>) => {
        const executable = await target.compile(graph, { weights });
        const { sum } = await executable.run({ ids: intTensor([3], [0, 4, 2]) });
        const { data } = await sum!.read();
        await executable.dispose();
        return data;
      };
      const [found, wanted] = [await run(onnxTarget({ threads: 1 })), await run(referenceTarget)];
      // In 4 bits the runtime brings rows into 8, too.
      const tolerance = precision === 'int8' ? 1e-4 : 0.15;
      for (const [at, value] of found.entries()) expect(value).to.be.closeTo(wanted[at]!, tolerance);
    });
  }

  it('are of linear layers alone, and what is in fewer bits already stays the same tensor', () => {
    const graph = languageModel('head');
    const once = quantizeWeights([graph], WEIGHTS, 'int8');
    expect(quantizedNames(once)).to.have.members(['head', 'layer.weight']);
    expect([...readFloats(once.get('table')!)]).to.deep.equal([...readFloats(WEIGHTS.get('table')!)]);
    const twice = quantizeWeights([graph], once, 'int4');
    for (const [name, tensor] of once) expect(twice.get(name), name).to.equal(tensor);
  });
});
