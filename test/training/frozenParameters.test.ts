import { expect } from 'chai';
import { add, makeGraph, parameter, scope } from '../../src/dsl/index.js';
import { UsageError } from '../../src/errors.js';
import { frozenParameters } from '../../src/training/frozenParameters.js';

describe('names of frozen parameters', () => {
  const lossGraph = (() => {
    const one = (name: string) => parameter(name, [], { kind: 'ones' });
    const tensors = [
      one('table'),
      ...['layers.0', 'layers.1', 'layers.10'].map((layer) => scope(layer, () => one('weight'))),
      scope('norm', () => one('a+b')),
    ];
    return makeGraph('names', [], { loss: tensors.reduce((a, b) => add(a, b)) });
  })();
  const found = (...patterns: readonly string[]) => [...frozenParameters(patterns, lossGraph)];

  it('are matched whole: * is any text, ? one character, all else itself', () => {
    expect(found()).to.deep.equal([]);
    expect(found('table')).to.deep.equal(['table']);
    expect(found('layers.*')).to.deep.equal(['layers.0.weight', 'layers.1.weight', 'layers.10.weight']);
    expect(found('layers.?.weight')).to.deep.equal(['layers.0.weight', 'layers.1.weight']);
    expect(found('layers.1*')).to.deep.equal(['layers.1.weight', 'layers.10.weight']);
    expect(found('*weight', 'table')).to.have.length(4);
    expect(found('norm.a+b')).to.deep.equal(['norm.a+b']);
    expect(() => found('layersx0xweight')).to.throw(UsageError);
    expect(() => found('layers')).to.throw(UsageError, "the nearest are 'layers.*'");
    expect(() => found('.')).to.throw(UsageError);
  });

  it('that there are not are refused with the nearest, and so are all', () => {
    expect(() => found('tabel')).to.throw(
      UsageError,
      "--freeze tabel: no parameter has such a name; the nearest are 'table'",
    );
    expect(() => found('table', 'layer.1.*')).to.throw(
      UsageError,
      "--freeze layer.1.*: no parameter has such a name; the nearest are 'layers.1.*'",
    );
    expect(() => found('*')).to.throw(UsageError, '--freeze *: nothing is left to train');
    expect(() => found('table', 'layers.*', 'norm.*')).to.throw(UsageError, 'nothing is left to train');
  });
});
