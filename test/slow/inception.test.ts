import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { inceptionV3 } from '../../graphs/inceptionV3.js';
import { openInception } from '../../src/evaluation/inceptionWeights.js';
import { resolveTarget } from '../../src/targets/resolveTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { temporaryFolder } from '../support/temporary.js';

const script = fileURLToPath(new URL('../../../test/slow/torchInception.py', import.meta.url));

/** A Python of this machine with torchvision; undefined where there is none. */
const python = ['python3', '/usr/bin/python3'].find(
  (name) => spawnSync(name, ['-c', 'import torchvision']).status === 0,
);

/** Float32 sums of half a million products a number. */
const TOLERANCE = 2e-5;

describe("Inception v3 beside torchvision's, with the same random weights", () => {
  const temporary = temporaryFolder();
  const read = (name: string) =>
    JSON.parse(readFileSync(temporary(name), 'utf8')) as Record<string, number[]>;

  before(function () {
    // Reported as skipped where python3-torchvision is not installed.
    if (!python) this.skip();
    mkdirSync(temporary('.'), { recursive: true });
    const { status, stderr } = spawnSync(python, [script, temporary('.')], { encoding: 'utf8' });
    expect(status, stderr.slice(-500)).to.equal(0);
  });

  it('finds the same features, and probabilities without the bias', async () => {
    const { shape, values } = read('pictures.json');
    const [, , height, width] = shape as [number, number, number, number];
    const weights = await openInception(temporary('weights.pth'));
    const target = await resolveTarget('onnx', {});
    const executable = await target.compile(inceptionV3(height, width), { weights });
    const found = await executable.run({ image: floatTensor(shape!, values!) });
    for (const [name, wanted] of Object.entries(read('features.json'))) {
      const { data } = await found[name]!.read();
      expect(data.length, name).to.equal(wanted.length);
      const largest = Math.max(...wanted.map(Math.abs));
      const error = Math.max(...wanted.map((value, place) => Math.abs(value - data[place]!)));
      expect(error / largest, name).to.be.below(TOLERANCE);
    }
    await executable.dispose();
  });
});
