import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openGoldenSet } from '../support/golden/goldenSet.js';
import { replay } from '../support/golden/replay.js';
import { describeOutcome } from '../support/golden/report.js';
import { goldenPath } from '../support/golden.js';
import { onnxWebGpu } from '../support/conformance.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The reference sets, and what is checked of those whose every key would take a minute. */
const SETS: Readonly<Record<string, readonly string[]>> = {
  'arpg-tiny': [],
  'vq-tiny': [],
  'llamagen-tiny': [],
  'randar-tiny': [],
  'par-tiny': ['generate.0.*', 'train.loss'],
  'nar-tiny': ['generate.0.*', 'train.loss'],
  'maskgit-tiny': ['generate.0.*', 'train.loss'],
};

/** Tests that run on any target that is named. */
const FILES = ['kernels/kernels', 'training/trainingStep', 'training/stepOptions', 'training/frozen'].map(
  (name) => `dist/test/${name}.test.js`,
);

describe('onnxruntime on WebGPU', () => {
  before('an adapter answers', function () {
    if (!onnxWebGpu) this.skip();
  });

  it('computes every operation, gradient and training step', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        'node_modules/mocha/bin/mocha.js',
        '--no-config',
        '--timeout',
        '120000',
        '-g',
        'onnx:webgpu',
        ...FILES,
      ],
      { cwd: root, env: { ...process.env, ARPG_TEST_TARGET: 'onnx:webgpu' } },
    );
    expect(status, stdout.toString()).to.equal(0);
    expect(Number(/(\d+) passing/.exec(stdout.toString())?.[1])).to.be.greaterThan(250);
  });

  for (const [name, parts] of Object.entries(SETS))
    it(`gives the numbers of ${name}: ${parts.join(', ') || 'every key'}`, async () => {
      const set = await openGoldenSet(goldenPath(name));
      for (const only of parts.length > 0 ? parts : [undefined]) {
        const outcome = await replay(set, onnxWebGpu!, only);
        const lines = describeOutcome(name, 'onnx:webgpu', outcome);
        expect(lines.filter((line) => /WRONG|NOT CHECKED/.test(line))).to.deep.equal([]);
        expect(outcome.checked).to.be.greaterThan(0);
        if (only === undefined) expect(outcome.checked).to.equal(set.numbers.size);
      }
    });
});
