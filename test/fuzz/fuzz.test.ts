import { expect } from 'chai';
import { temporaryFolder } from '../support/temporary.js';
import { fuzz } from './harness.js';
import { makeSeeds } from './seeds.js';
import { subjects } from './subjects.js';

/** Inputs of each reader; `npm run fuzz` tries many more. */
const MUTATIONS = 60;

describe('readers of changed files', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();

  it('refuse each in one clear line, or take it', async () => {
    const all = subjects(await makeSeeds(), temporary('files'));
    for (const subject of all) {
      const { faults, accepted, inputs } = await fuzz(subject, { seed: 7, from: 0, count: MUTATIONS });
      expect(faults, subject.name).to.deep.equal([]);
      // Whatever a log holds that is no entry is passed over.
      if (subject.name !== 'log') expect(accepted, subject.name).to.be.below(inputs);
    }
  });

  it('are all known to the harness', async () => {
    const names = subjects(await makeSeeds(), temporary('names')).map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    expect(names.length).to.be.at.least(25);
  });
});
