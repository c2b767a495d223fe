import { expect } from 'chai';
import { didYouMean, nearNames } from '../src/nearNames.js';

describe('near names', () => {
  const trees = ['evergreen_tree', 'deciduous_tree', 'street', 'three', 'cat'];

  it('have the very word, before those that are spelt alike', () => {
    expect(nearNames('tree', trees)).to.deep.equal(['evergreen_tree', 'deciduous_tree', 'three']);
    expect(nearNames('TREE', trees)[0]).to.equal('evergreen_tree');
    expect(nearNames('evergren', trees)).to.deep.equal(['evergreen_tree']);
  });

  it('are those of slips of the finger: a letter missing, wrong, or swapped with the next', () => {
    expect(nearNames('digitz', ['digits', 'emoji'])).to.deep.equal(['digits']);
    expect(nearNames('modle', ['mode', 'model', 'top-k'])[0]).to.equal('model');
    expect(nearNames('smaple', ['sample', 'pull', 'edit'])).to.deep.equal(['sample']);
  });

  it('are found by any spelling of theirs', () => {
    const dog = { name: 'dogs/golden retriever', spellings: ['golden retriever', 'goldie'] };
    expect(nearNames('goldi', [dog, 'cat'])).to.deep.equal([dog.name]);
  });

  it('are none where nothing is alike', () => {
    expect(nearNames('xyzzy', trees)).to.deep.equal([]);
    expect(nearNames('  ', trees)).to.deep.equal([]);
    expect(nearNames('tree', [])).to.deep.equal([]);
  });

  it('make a question', () => {
    expect(didYouMean([])).to.equal(undefined);
    expect(didYouMean(['a'])).to.equal("did you mean 'a'?");
    expect(didYouMean(['a', 'b', 'c'])).to.equal("did you mean 'a', 'b' or 'c'?");
    expect(didYouMean([...'abcdefgh'])).to.match(/'e' or 'f'\?$/);
  });
});
