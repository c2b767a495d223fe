import { expect } from 'chai';
import { arpgStep } from '../../graphs/arpg.js';
import { fuse } from '../../src/compiler/fuse.js';
import { simplify } from '../../src/compiler/simplify.js';
import {
  add,
  attention,
  concat,
  dim,
  input,
  makeGraph,
  multiply,
  rope,
  splitHeads,
  type Tensor,
} from '../../src/dsl/index.js';
import { type Graph, nodesOf } from '../../src/graph/graph.js';
import { verify } from '../../src/graph/verify.js';
import { onnxPasses } from '../../src/targets/onnx/lowerToOnnx.js';
import type { HostTensor } from '../../src/targets/target.js';
import { expectClose, floats, ints } from '../support/conformance.js';
import { interpret } from '../support/interpret.js';

const [batch, tokens, past] = ['batch', 'tokens', 'past'].map(dim) as [Tensor['shape'][number], never, never];
const x = input('x', 'f32', [batch, tokens, 12]);
const y = input('y', 'f32', [batch, tokens, 12]);
const cache = {
  key: input('key', 'f32', [batch, 3, past, 4]),
  value: input('value', 'f32', [batch, 3, past, 4]),
};
const positions = input('positions', 'i32', [batch, tokens]);
const tables = ['cosines', 'sines'].map((name) => input(name, 'f32', [9, 2])) as [Tensor, Tensor];

const given = {
  x: floats([2, 5, 12], 1),
  y: floats([2, 5, 12], 2),
  key: floats([2, 3, 6, 4], 4),
  value: floats([2, 3, 6, 4], 5),
  positions: ints([2, 5], 9, 6),
  cosines: floats([9, 2], 7),
  sines: floats([9, 2], 8),
};

function graphOf(outputs: Readonly<Record<string, Tensor>>): Graph {
  return makeGraph('g', [x, y, cache.key, cache.value, positions, ...tables], outputs);
}

function countsOf(graph: Graph): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const node of nodesOf(graph))
    if (node.kind === 'operation') counts[node.op.name] = (counts[node.op.name] ?? 0) + 1;
  return counts;
}

/** The graph after fusing, which must give the same. */
function fused(graph: Graph): Readonly<Record<string, number>> {
  const result = simplify.run(fuse.run(graph));
  verify(result);
  const expected = interpret(graph, given);
  for (const [name, actual] of Object.entries(interpret(result, given)))
    expectClose(actual as HostTensor, expected[name] as HostTensor, 1e-12, name);
  return countsOf(result);
}

/** Attention to a cache and what is new, whose heads are merged again. */
function attended(key = concat([cache.key, splitHeads(y, 3)], 2), causal = false) {
  const value = concat([cache.value, splitHeads(y, 3)], 2);
  const query = rope(splitHeads(x, 3), positions, ...tables);
  return { key, value, result: attention(query, key, value, { causal }) };
}

describe('fusing', () => {
  it('attention takes its cache and rows of heads as they are, and gives the grown cache', () => {
    const { key, value, result } = attended();
    expect(fused(graphOf({ result, key, value }))).to.deep.equal({
      tokenRope: 1,
      cachedAttention: 1,
      reshape: 1,
      transpose: 1,
    });
  });

  it('what was read before it is kept, and so is causal attention', () => {
    const { key, value, result } = attended();
    const before = multiply(key, 2);
    expect(fused(graphOf({ before, result: add(result, 1), value }))).to.include({ attention: 1, concat: 2 });
    expect(fused(graphOf({ result: attended(undefined, true).result }))).to.include({ attention: 1 });
  });

  it('heads that are not side by side and caches that are no two parts stay as they are', () => {
    const three = concat([cache.key, splitHeads(x, 3), splitHeads(y, 3)], 2);
    const value = concat([cache.value, splitHeads(x, 3), splitHeads(y, 3)], 2);
    const result = attention(splitHeads(x, 3), three, value);
    expect(fused(graphOf({ result }))).to.include({ attention: 1 });
    const turned = rope(multiply(splitHeads(x, 3), 2), positions, ...tables);
    expect(fused(graphOf({ result: turned }))).to.include({ rope: 1 });
  });

  it('happens on processors alone', () => {
    const names = (options: Parameters<typeof onnxPasses>[0]) => onnxPasses(options).map(({ name }) => name);
    expect(names({})).to.deep.equal(['fold-upsample', 'fuse', 'simplify']);
    expect(names({ onDevice: true })).to.deep.equal(['fold-upsample']);
    expect(names({ standardOnly: true })).to.deep.equal(['fold-upsample']);
  });

  it('leaves a step of ARPG without a copy of a cache', () => {
    const grid = { height: 4, width: 4 };
    const step = arpgStep({
      dim: 32,
      layers: 4,
      heads: 2,
      vocabularySize: 16,
      classes: 3,
      grid,
      multipleOf: 16,
      ropeBase: 10000,
      normEpsilon: 1e-5,
      absolutePositions: false,
    });
    const counts = countsOf(simplify.run(fuse.run(step)));
    expect(counts.cachedAttention).to.equal(3);
    expect(counts.attention).to.equal(1);
  });
});
