import { expect } from 'chai';
import { add, concat, dim, exp, input, linear, makeGraph, reshape } from '../../src/dsl/index.js';
import { memoryPlan } from '../../src/inspect/memory.js';

describe('the plan of memory', () => {
  it('holds results until they were read for the last time', () => {
    const x = input('x', 'f32', [10]);
    const a = exp(x);
    const b = exp(a);
    const c = exp(b);
    // At any time x, which the caller holds, what is read and what is made: three of ten numbers.
    const chain = makeGraph('chain', [x], { y: c });
    expect(memoryPlan(chain)({})).to.deep.equal({ cache: 0, activations: 3 * 40 });
    // Here a is still needed when c is there: x, a, b and c.
    const late = makeGraph('late', [x], { y: add(a, c) });
    expect(memoryPlan(late)({})).to.deep.equal({ cache: 0, activations: 4 * 40 });
  });

  it('counts parameters for weights, and other shapes of a tensor not at all', () => {
    const x = input('x', 'f32', [2, 8]);
    const graph = makeGraph('layer', [x], { y: reshape(linear('layer', x, 16), [32]) });
    expect(memoryPlan(graph)({})).to.deep.equal({ cache: 0, activations: 4 * (16 + 32) });
  });

  it('counts what was kept before and after a call as cache, at the sizes of the call', () => {
    const past = dim('past');
    const keys = input('past.keys', 'f32', [1, past, 4]);
    const x = input('x', 'f32', [1, 2, 4]);
    const present = concat([keys, x], 1);
    const graph = makeGraph('step', [keys, x], { logits: exp(x), 'present.keys': present });
    const plan = memoryPlan(graph);
    expect(plan({ past: 0 })).to.deep.equal({ cache: 4 * 8, activations: 4 * 16 });
    expect(plan({ past: 10 })).to.deep.equal({ cache: 4 * (40 + 48), activations: 4 * 16 });
  });
});
