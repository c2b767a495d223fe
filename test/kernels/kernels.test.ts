import { expect } from 'chai';
import '../../src/dsl/index.js';
import { allOps } from '../../src/graph/op.js';
import { coveredOps } from '../support/conformance.js';
// In one process, so that what they cover adds up.
import './contractions.cases.js';
import './elementwise.cases.js';
import './fused.cases.js';
import './layout.cases.js';
import './quantized.cases.js';
import './random.cases.js';
import './reductions.cases.js';

describe('conformance coverage', () => {
  it('every operation has a conformance case', () => {
    const missing = allOps()
      .map(({ name }) => name)
      .filter((name) => !coveredOps.has(name));
    expect(missing).to.deep.equal([]);
  });
});
