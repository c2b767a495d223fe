import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { simplify } from '../../src/compiler/simplify.js';
import { input, makeGraph, matmul, multiply, parameter } from '../../src/dsl/index.js';
import { equalShapes, type Shape } from '../../src/graph/dimension.js';
import { nodesOf } from '../../src/graph/graph.js';
import { GraphError } from '../../src/graph/graphError.js';
import type { Tensor } from '../../src/graph/node.js';
import { allOps, apply, type OpDefinition } from '../../src/graph/op.js';
import { lowerToKernels } from '../../src/targets/gpujs/lowerToKernels.js';
import { splitWideReads } from '../../src/targets/gpujs/splitWideReads.js';
import { indexGuard } from '../../src/targets/indexGuard.js';
import { intTensor } from '../../src/targets/target.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const LIMITS = { maxLanes: 1, minThreads: 0, flatArrays: false, maxReads: 8 };

/** Operations that no pass has heard of: a table lookup, a product, a stretch and a sum of any number. */
const unknown = {
  name: 'unknown',
  reference: () => expect.fail('nothing is computed here'),
  onnx: () => expect.fail('nothing is lowered here'),
};
const lookUp: OpDefinition<Record<string, never>> = {
  ...unknown,
  infer: ([table, ids]) => [{ dtype: table!.dtype, shape: ids!.shape }],
  indices: ([table]) => ({ input: 1, count: table!.shape[0]! }),
};
const same: OpDefinition<Record<string, never>> = {
  ...unknown,
  infer: ([x]) => [x!],
  elementsOf: 'every input',
};
const repeat: OpDefinition<{ readonly shape: Shape }> = {
  ...unknown,
  infer: ([x], { shape }) => [{ dtype: x!.dtype, shape }],
  stretches: true,
};
const sumOfAll: OpDefinition<Record<string, never>> = {
  ...unknown,
  infer: ([x]) => [x!],
  withFewerInputs: (inputs, most) => [
    inputs.slice(1).reduce((sum, one) => apply(sumOfAll, [sum, one].slice(0, most), {}), inputs[0]!),
  ],
};
const swapped: OpDefinition<Record<string, never>> = {
  ...unknown,
  infer: ([x]) => [x!],
  gpu: {
    kind: 'kernel',
    heavy: true,
    readsTransposed: (which) => which === 1,
    compute: (writer, indices) =>
      indices.map((index) => `${writer.read(0, index)} + ${writer.read(1, index)}`),
  },
};

function namesIn(outputs: Readonly<Record<string, Tensor>>): readonly string[] {
  const nodes = nodesOf({ name: 'g', inputs: [], outputs });
  return nodes.flatMap((node) => (node.kind === 'operation' ? [node.op.name] : []));
}

describe('what an operation says of itself', () => {
  it('is all that passes and targets know of it: none asks for its name', () => {
    const files = ['src/compiler', 'src/targets', 'src/graph', 'src/inspect'].flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name}`),
    );
    expect(files.length).to.be.above(40);
    const names = allOps().map(({ name }) => name);
    expect(names).to.include('matmul');
    const comparison = new RegExp(
      `\\bop\\.name\\s*[!=]==|switch \\((?:\\w+\\.)*op\\.name\\)|\\.(?:has|get|includes)\\((?:\\w+\\.)*op\\.name\\)|[!=]==\\s*'(?:${names.join('|')})'`,
    );
    const asking = files.filter((file) => comparison.test(readFileSync(`${root}${file}`, 'utf8')));
    expect(asking).to.deep.equal([]);
  });

  it('indices are checked, also where they were moved before', () => {
    const [table, ids] = [input('table', 'f32', [3]), input('ids', 'i32', [2])];
    const graph = makeGraph('g', [table, ids], { y: apply(lookUp, [table, apply(same, [ids], {})], {}) });
    const check = indexGuard(graph);
    check({ ids: intTensor([2], [0, 2]) }, {});
    expect(() => check({ ids: intTensor([2], [0, 3]) }, {})).to.throw(
      GraphError,
      "unknown: index 3 of 3 does not exist (input 'ids')",
    );
  });

  it('work is done before a stretch', () => {
    const [row, x] = [input('row', 'f32', [1, 4]), input('x', 'f32', [3, 4])];
    const weights = input('w', 'f32', [4, 2]);
    const stretched = apply(repeat, [row], { shape: [3, 4] });
    const graph = makeGraph('g', [row, x, weights], {
      product: matmul(stretched, weights),
      y: multiply(stretched, x),
    });
    const { outputs } = simplify.run(graph);
    expect(namesIn({ y: outputs.y! })).to.deep.equal(['multiply']);
    const [product] = nodesOf({ name: 'g', inputs: [], outputs: { product: outputs.product! } }).filter(
      (node) => node.kind === 'operation' && equalShapes(node.outputs[0]!.shape, [1, 2]),
    );
    expect(product?.inputs[0]).to.equal(row);
  });

  it('an operation that reads too much is split', () => {
    const inputs = ['a', 'b', 'c', 'd'].map((name) => input(name, 'f32', [2]));
    const graph = makeGraph('g', inputs, { y: apply(sumOfAll, inputs, {}) });
    expect(namesIn(splitWideReads(2).run(graph).outputs)).to.have.length(3);
    expect(splitWideReads(4).run(graph).outputs.y).to.equal(graph.outputs.y);
  });

  it('weights that are read transposed are stored that way', () => {
    const x = input('x', 'f32', [2, 2]);
    const weight = parameter('w', [2, 2], { kind: 'ones' });
    const graph = makeGraph('g', [x], { y: apply(swapped, [x, weight], {}) });
    const { steps } = lowerToKernels(graph, {}, LIMITS);
    expect(steps[0]!.reads).to.deep.equal([
      { kind: 'input', name: 'x' },
      { kind: 'parameter', name: 'w', transposed: true },
    ]);
  });
});
