import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { findModelPlaces, modelFolder, shownName } from '../src/modelPlaces.js';
import { temporaryFolder } from './support/temporary.js';

describe('where models are', () => {
  const temporary = temporaryFolder();
  const env = { ARPG_MODELS: temporary('mine'), ARPG_CACHE: temporary('cache') };
  const place = (path: string) => {
    mkdirSync(temporary(path), { recursive: true });
    writeFileSync(temporary(`${path}/config.json`), '{}');
  };

  before(() => {
    for (const path of ['mine/cats', 'mine/digits', 'cache/models/hub.co/owner/dogs@main']) place(path);
    place('cache/models/hub.co/owner/dogs@v2');
    mkdirSync(temporary('mine/empty'));
    cpSync(temporary('mine/cats'), temporary('mine/.hidden'), { recursive: true });
  });

  it('those that come along, the cache, and the folders of ARPG_MODELS are listed', () => {
    const found = findModelPlaces(env).filter(
      ({ folder }) => folder.startsWith(temporary('')) || folder.includes('models/emoji'),
    );
    expect(found.map(({ name, origin }) => [name, origin])).to.deep.equal([
      ['emoji', 'shipped'],
      ['owner/dogs', 'cached'],
      ['owner/dogs@v2', 'cached'],
      ['cats', 'folder'],
      ['digits', 'folder'],
    ]);
  });

  it('a name is a folder at hand, else one that comes along, else one of ARPG_MODELS', () => {
    expect(modelFolder('cats', env)).to.equal(temporary('mine/cats'));
    expect(modelFolder('digits', env)).to.match(/fixtures\/models\/digits$/);
    expect(modelFolder('fixtures', env)).to.equal('fixtures');
    for (const other of ['dogs', 'empty', '../cats', './cats', ''])
      expect(modelFolder(other, env), other).to.equal(other);
  });

  it('what comes along is called by its name', () => {
    expect(shownName(modelFolder('emoji'))).to.equal('emoji');
    expect(shownName('some/emoji')).to.equal('some/emoji');
  });
});
