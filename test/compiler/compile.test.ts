import { expect } from 'chai';
import { arpgStep, arpgTeacherForced } from '../../graphs/arpg.js';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { compileGraph, PASS_NAMES } from '../../src/compiler/compile.js';
import { eliminateCommonSubexpressions } from '../../src/compiler/commonSubexpressions.js';
import { constantFold } from '../../src/compiler/constantFold.js';
import { decompose } from '../../src/compiler/decompose.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { simplify } from '../../src/compiler/simplify.js';
import {
  add,
  attention,
  broadcastTo,
  concat,
  constant,
  crossEntropy,
  dim,
  exp,
  input,
  makeGraph,
  matmul,
  multiply,
  reshape,
  rmsNorm,
  stopGradient,
  sum,
  transpose,
} from '../../src/dsl/index.js';
import { type Graph, nodesOf } from '../../src/graph/graph.js';
import { GraphError } from '../../src/graph/graphError.js';
import { interpret } from '../support/interpret.js';
import type { Tensor } from '../../src/graph/node.js';
import { verify } from '../../src/graph/verify.js';
import { hasOnnxForm } from '../../src/targets/onnx/lowerToOnnx.js';
import type { HostTensor } from '../../src/targets/target.js';
import { expectClose, floats, ints } from '../support/conformance.js';
import { goldenJson, goldenNumbers, goldenPath } from '../support/golden.js';

const batch = dim('batch');
const x = input('x', 'f32', [batch, 4]);

function operationsOf(graph: Graph): readonly string[] {
  return nodesOf(graph).flatMap((node) => (node.kind === 'operation' ? [node.op.name] : []));
}

function graphOf(y: Tensor): Graph {
  return makeGraph('g', [x], { y });
}

describe('simplify', () => {
  const cases: Readonly<Record<string, { before: Tensor; after: readonly string[] }>> = {
    'x + 0 and x·1': { before: add(multiply(x, 1), 0), after: [] },
    'two transposes that undo each other': { before: transpose(transpose(x, [1, 0]), [1, 0]), after: [] },
    'a chain of reshapes': { before: reshape(reshape(x, [batch, 2, 2]), [batch, 4, 1]), after: ['reshape'] },
    'a reshape to the same shape': { before: reshape(x, [batch, -1]), after: [] },
    'a concat of one': { before: concat([x], 0), after: [] },
    'stretching before an addition': {
      before: add(broadcastTo(constant('f32', [1, 4], [1, 2, 3, 4]), [batch, 4]), x),
      after: ['add'],
    },
    'adding a zero that stretches the other operand is kept': {
      before: add(constant('f32', [1], [7]), constant('f32', [2, 1], [0, 0])),
      after: ['add'],
    },
  };
  for (const [name, { before, after }] of Object.entries(cases)) {
    it(name, () => {
      const simplified = verify(simplify.run(graphOf(before)));
      expect(operationsOf(simplified)).to.deep.equal(after);
    });
  }

  it('stretches after row-wise work instead of before', () => {
    const row = constant('f32', [4], [1, 2, 3, 4]);
    const weight = constant('f32', [3, 4], new Float32Array(12).fill(0.5));
    const normed = rmsNorm(broadcastTo(row, [batch, 4]), constant('f32', [4], [1, 1, 1, 1]), 1e-5);
    const simplified = simplify.run(graphOf(matmul(normed, weight, { transposeRight: true })));
    expect(operationsOf(simplified).at(-1)).to.equal('broadcastTo');
    expect(operationsOf(constantFold().run(simplified))).to.deep.equal(['broadcastTo']);
  });
});

describe('common subexpressions', () => {
  it('computes equal operations once and keeps different ones', () => {
    const y = add(multiply(exp(x), exp(x)), exp(multiply(x, 2)));
    expect(
      operationsOf(eliminateCommonSubexpressions.run(graphOf(y))).filter((name) => name === 'exp'),
    ).to.have.length(2);
  });
});

describe('decompose', () => {
  it('reaches operations that the target has, through several levels', () => {
    const targets = input('targets', 'i32', [batch]);
    const graph = makeGraph('g', [x, targets], { y: crossEntropy(x, targets) });
    const lacking = new Set(['crossEntropy']);
    const simpler = verify(decompose((op) => !lacking.has(op.name)).run(graph));
    expect(operationsOf(simpler)).to.include('logSoftmax').and.not.include('crossEntropy');
    const inputs = { x: floats([3, 4]), targets: ints([3], 4) };
    expectClose(
      interpret(simpler, inputs).y as HostTensor,
      interpret(graph, inputs).y as HostTensor,
      1e-12,
      'loss',
    );
  });

  it('names an operation that can be had in no way', () => {
    expect(() => decompose((op) => op.name !== 'exp').run(graphOf(exp(x)))).to.throw(
      GraphError,
      "the target has no 'exp'",
    );
  });

  it('keeps attention in the scope it was built in', () => {
    const q = input('q', 'f32', [1, 1, 2, 4]);
    const simpler = decompose((op) => op.name !== 'attention').run(
      makeGraph('g', [q], { y: attention(q, q, q) }),
    );
    expect(operationsOf(simpler)).to.deep.equal(['multiply', 'matmul', 'softmax', 'matmul']);
  });
});

describe('differentiation', () => {
  it('of what is the same for all rows is done for one row', () => {
    const [row, weight] = [input('row', 'f32', [1, 3]), input('weight', 'f32', [3, 4])];
    const stretched = matmul(broadcastTo(row, [5, 3]), weight);
    const factors = input('factors', 'f32', [5, 4]);
    const loss = sum(multiply(stretched, factors));
    const graph = makeGraph('g', [row, weight, factors], { loss });
    const rows = nodesOf(withGradients(graph, 'loss', ['row', 'weight'])).flatMap((node) =>
      node.kind === 'operation' && node.op.name === 'matmul' ? [node.inputs.map(({ shape }) => shape)] : [],
    );
    // The product, and its gradients by the row and by the weight: no operand has five rows.
    expect(rows).to.have.length(3);
    expect(rows.flat(2)).not.to.include(5);
  });

  it('lets no gradient through where it is stopped', () => {
    const stopped = input('stopped', 'f32', [3]);
    const loss = sum(multiply(stopGradient(stopped), 2));
    const graph = withGradients(makeGraph('g', [stopped], { loss }), 'loss', ['stopped']);
    const { data } = interpret(graph, { stopped: floats([3], 1) })['gradient.stopped']!;
    expect([...data]).to.deep.equal([0, 0, 0]);
  });
});

describe('compiling ARPG', () => {
  const config = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'tiny'));
  const { tensors } = openSafetensors(goldenPath('arpg-tiny.safetensors'));

  it('every pass leaves a valid graph with the same results', () => {
    const golden = goldenNumbers('arpg-tiny.expected.safetensors');
    const inputs = {
      tokens: golden('train.input_ids'),
      class_ids: golden('train.condition'),
      orders: golden('train.orders'),
    };
    const graph = arpgTeacherForced(config);
    const expected = interpret(graph, inputs, tensors);
    const seen = new Set<string>();
    compileGraph(graph, {
      supports: hasOnnxForm,
      weights: tensors,
      onPass: (name, state) => {
        seen.add(name);
        verify(state);
        const { logits, loss } = interpret(state, inputs, tensors);
        expectClose(logits as HostTensor, expected.logits as HostTensor, 1e-6, `logits after ${name}`);
        expectClose(loss as HostTensor, expected.loss as HostTensor, 1e-6, `loss after ${name}`);
      },
    });
    // Whole numbers take weights that are some.
    expect([...seen, 'quantize']).to.deep.equal(PASS_NAMES);
  });

  it("folds the RoPE table and the first cross-decoder layer's query", () => {
    const compiled = compileGraph(arpgStep(config), { supports: hasOnnxForm, weights: tensors });
    const firstQuery = 'layers.cross_dec.0.attn.to_q';
    const scopes = nodesOf(compiled).filter((node) => node.kind === 'operation');
    expect(scopes.filter((node) => node.scope === 'rope')).to.deep.equal([]);
    expect(scopes.filter((node) => node.scope === firstQuery && node.op.name === 'matmul')).to.deep.equal([]);
    expect(scopes.filter((node) => node.scope === 'layers.cross_dec.0.attn_norm')).to.deep.equal([]);
    const parameters = nodesOf(compiled).flatMap((node) => (node.kind === 'parameter' ? [node.name] : []));
    expect(parameters).to.not.include(`${firstQuery}.weight`);
    expect(parameters).to.include('layers.cross_dec.1.attn.to_q.weight');
  });

  it('folds nothing that depends on weights when they are not given', () => {
    const compiled = compileGraph(arpgStep(config), { supports: hasOnnxForm });
    const parameters = nodesOf(compiled).flatMap((node) => (node.kind === 'parameter' ? [node.name] : []));
    expect(new Set(parameters)).to.deep.equal(new Set(tensors.keys()));
  });
});
