import { expect } from 'chai';
import '../../src/dsl/index.js';
import { GraphError } from '../../src/graph/graphError.js';
import { graphFromJson } from '../../src/graph/serialize.js';

const graph = (nodes: readonly object[]) => ({
  format_version: 1,
  name: 'g',
  nodes,
  inputs: [0],
  outputs: { y: [nodes.length - 1, 0] },
});
const x = { kind: 'input', scope: '', name: 'x', dtype: 'f32', shape: [2, 3] };
const operation = (name: string, inputs: readonly (readonly number[])[], attributes: object = {}) => ({
  kind: 'operation',
  scope: '',
  name,
  inputs,
  attributes,
});

describe('graphs in JSON', () => {
  it('that make sense are read', () => {
    expect(
      graphFromJson(
        graph([
          x,
          operation('add', [
            [0, 0],
            [0, 0],
          ]),
        ]),
      ).outputs.y!.shape,
    ).to.deep.equal([2, 3]);
  });

  const bad: Readonly<Record<string, readonly object[]>> = {
    'no inputs for an operation': [x, operation('add', [])],
    'one input of two': [x, operation('add', [[0, 0]])],
    'attributes left out': [x, operation('reshape', [[0, 0]])],
    'attributes of another kind': [x, operation('transpose', [[0, 0]], { axes: 7, permutation: 'abc' })],
    'an unknown operation': [x, operation('__proto__', [[0, 0]])],
    'a later node': [
      x,
      operation('add', [
        [2, 0],
        [0, 0],
      ]),
    ],
    'negative sizes': [{ ...x, shape: [-2, 3] }],
    'sizes past what a number holds': [{ ...x, shape: [2 ** 60] }],
    'a symbolic size that is none': [{ ...x, shape: ['1 +'] }],
    'a size of a million terms': [
      { ...x, shape: [Array.from({ length: 1e6 }, (_, index) => `a${index}`).join('+')] },
    ],
    'a constant without its elements': [
      x,
      { kind: 'constant', scope: '', dtype: 'f32', shape: [1e9], data: '' },
    ],
  };
  for (const [name, nodes] of Object.entries(bad))
    it(`with ${name}: refused`, () => {
      expect(() => graphFromJson(graph(nodes)))
        .to.throw(GraphError)
        .with.property('message')
        .that.does.not.match(/undefined|not a function|Cannot read/);
    });
});
