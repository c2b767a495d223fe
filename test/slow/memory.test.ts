import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { TESTED_TARGETS } from '../support/conformance.js';

const PROGRAM = fileURLToPath(new URL('../support/memoryOfSampling.js', import.meta.url));
const SAMPLES = 500;
const ALLOWED_GROWTH = 24e6;

describe(`${SAMPLES} samples in a row do not grow memory`, () => {
  for (const { name } of TESTED_TARGETS)
    it(name, async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, name, `${SAMPLES}`]);
      const growth = Number(stdout.trim().split('\n').at(-1));
      expect(growth, `${(growth / 1e6).toFixed(1)} MB`).to.be.below(ALLOWED_GROWTH);
    });
});
