import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { loadOnnxRuntime } from '../../src/targets/onnx/onnxRuntime.js';
import { decodeOnnxModel } from '../../src/targets/onnx/onnxSchema.js';
import { arpg, remarks } from '../support/cli.js';
import { findOnnxFaults } from '../support/onnxChecker.js';
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
    expect(remarks(errors)).to.equal('');
    expect(code).to.equal(0);
    expect(PNG.sync.read(readFileSync(temporary('image.png')))).to.include({ width: 256, height: 256 });
    // The weights are 1279 MB in float32; twice that would be 2558 MB.
    expect(JSON.parse(text).peak_memory_mb).to.be.below(2200);
  });

  it('export as ONNX puts the weights beside the model, and plain onnxruntime runs it', async () => {
    mkdirSync(temporary('onnx'));
    const path = temporary('onnx/step.onnx');
    const { text, errors } = arpg(
      `export --model ${temporary('model')} --format onnx --graph step --json --quiet -o ${path}`.split(' '),
    );
    expect(errors).to.equal('');
    expect(JSON.parse(text).files).to.deep.equal([path, `${path}.data`]);
    expect(statSync(path).size).to.be.below(10e6);
    expect(statSync(`${path}.data`).size).to.be.within(1.27e9, 1.3e9);
    expect(findOnnxFaults(decodeOnnxModel(readFileSync(path)), temporary('onnx'))).to.deep.equal([]);
    const ort = loadOnnxRuntime();
    const session = await ort.InferenceSession.create(path);
    const ids = (value: number) => new ort.Tensor('int32', Int32Array.of(value), [1, 1]);
    const empty = new ort.Tensor('float32', new Float32Array(0), [1, 16, 0, 64]);
    const { logits } = await session.run({
      content_ids: ids(16384 + 1 + 207),
      content_positions: ids(0),
      query_positions: ids(1),
      ...Object.fromEntries(
        session.inputNames.filter((name) => name.startsWith('past.')).map((name) => [name, empty]),
      ),
    });
    await session.release();
    expect(logits!.dims).to.deep.equal([1, 1, 16384]);
    expect([...(logits!.data as Float32Array)].every(Number.isFinite)).to.equal(true);
  });
});
