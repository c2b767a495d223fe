import { expect } from 'chai';
import { bySystem } from '../../src/cli/samplingFlags.js';
import { SYSTEMS } from '../../src/index.js';

describe('what systems say in the help', () => {
  const [first, second] = SYSTEMS.map(({ title }) => title);

  it('is said once where all say the same', () => {
    expect(bySystem(() => '4')).to.equal('4');
  });

  it('names those that differ from most', () => {
    expect(bySystem(({ title }) => (title === first ? '0' : '1'))).to.equal(`1 (0 for ${first})`);
    const two = bySystem(({ title }) => (title === first ? '0' : title === second ? '2' : '1'));
    expect(two).to.equal(`1 (0 for ${first}; 2 for ${second})`);
  });

  it('names all where most differ', () => {
    const each = SYSTEMS.map(({ title }) => `${title.length}-${title} for ${title}`).join('; ');
    expect(bySystem(({ title }) => `${title.length}-${title}`)).to.equal(each);
  });
});
