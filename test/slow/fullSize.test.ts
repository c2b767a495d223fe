import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const script = fileURLToPath(new URL('../../bench/makeRandomCheckpoint.js', import.meta.url));

describe('full size: ARPG-L and VQ-16 with random weights', () => {
  const temporary = temporaryFolder();

  it('import, sample 256×256 and write a PNG without holding the weights twice', () => {
    expect(spawnSync(process.execPath, [script, 'ARPG-L', temporary('random')]).status).to.equal(0);
    const imported = arpg([
      'import',
      temporary('random/arpg.safetensors'),
      '--config',
      'ARPG-L',
      '--tokenizer',
      temporary('random/vq.safetensors'),
      '-o',
      temporary('model'),
    ]);
    expect(imported.errors).to.include('wrote');
    rmSync(temporary('random'), { recursive: true });
    const flags = ['--class', '207', '--steps', '8', '--seed', '1', '--json', '-o', temporary('image.png')];
    const { code, text, errors } = arpg(['sample', '--model', temporary('model'), ...flags]);
    expect(errors).to.equal('');
    expect(code).to.equal(0);
    expect(PNG.sync.read(readFileSync(temporary('image.png')))).to.include({ width: 256, height: 256 });
    // The weights are 1279 MB in float32; twice that would be 2558 MB.
    expect(JSON.parse(text).peak_memory_mb).to.be.below(2200);
  });
});
