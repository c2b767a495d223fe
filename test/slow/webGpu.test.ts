import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { onnxWebGpu } from '../support/conformance.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

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
});
