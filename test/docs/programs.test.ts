import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { encodePng } from '../../src/data/image.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A page's code block of a language that contains a text. */
function blockOf(page: string, language: string, text: string): string {
  const blocks = readFileSync(`${root}docs/${page}`, 'utf8').matchAll(/```(\w+)\n([\s\S]*?)```/g);
  const found = [...blocks].find(([, own, code]) => own === language && code!.includes(text));
  expect(found, `a ${language} block with ${text}`).to.not.equal(undefined);
  return found![2]!;
}

describe("the pages' programs", () => {
  const temporary = temporaryFolder();
  const run = (code: string, name: string) => {
    writeFileSync(temporary(name), code);
    const { status, stderr } = spawnSync(process.execPath, [temporary(name)], {
      cwd: temporary(''),
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    expect(status, stderr.toString()).to.equal(0);
  };
  before(() => {
    symlinkSync(`${root}node_modules`, temporary('node_modules'));
  });

  it('draws a digit with nothing but onnxruntime, in 40 lines', () => {
    const exported = arpg([
      'export',
      '--model',
      'digits',
      '--format',
      'onnx',
      '-o',
      temporary('digits-onnx'),
    ]);
    expect(exported.code).to.equal(0);
    const code = blockOf('GUIDE.md', 'js', 'onnxruntime-node');
    expect(code.split('\n').filter((line) => line.trim() !== '').length).to.be.at.most(40);
    expect([...code.matchAll(/from '([^']+)'/g)].map(([, name]) => name).sort()).to.deep.equal([
      'node:fs',
      'onnxruntime-node',
    ]);
    run(code, 'draw.mjs');
    const picture = readFileSync(temporary('digit.ppm'));
    const [, width, height] = /^P6 (\d+) (\d+) 255\n/.exec(picture.toString('latin1'))!;
    expect(picture.length).to.equal(
      `P6 ${width} ${height} 255\n`.length + Number(width) * Number(height) * 3,
    );
    // A light stroke on a dark ground.
    const pixels = [...picture.subarray(picture.length - Number(width) * Number(height) * 3)];
    const light = pixels.filter((value) => value > 128).length / pixels.length;
    expect(light).to.be.within(0.03, 0.5);
  }).timeout(120_000);

  it('draws and inpaints as a library', () => {
    // The package's own name, as an installed package has it.
    const code = blockOf('LIBRARY.md', 'ts', "from 'arpg'").replace(
      "'arpg'",
      JSON.stringify(`${root}dist/src/index.js`),
    );
    run(code, 'library.mjs');
    expect(readFileSync(temporary('other.png')).subarray(1, 4).toString()).to.equal('PNG');
  }).timeout(120_000);

  it('trains with one call', () => {
    for (const label of ['dark', 'light'])
      for (let index = 0; index < 4; index++) {
        const data = new Uint8Array(16 * 16 * 3).fill((label === 'dark' ? 20 : 200) + 5 * index);
        mkdirSync(temporary(`mnist/${label}`), { recursive: true });
        writeFileSync(temporary(`mnist/${label}/${index}.png`), encodePng({ width: 16, height: 16, data }));
      }
    mkdirSync(temporary('runs/digits-vq'), { recursive: true });
    symlinkSync(`${root}fixtures/models/tiny`, temporary('runs/digits-vq/model'));
    const code = blockOf('LIBRARY.md', 'ts', 'arpg/training');
    expect(code).to.include('steps: 2000');
    const own = (code: string, face: string) =>
      code.replace(`'arpg/${face}'`, JSON.stringify(`${root}dist/src/faces/${face}.js`));
    const small = 'steps: 1, batch: 2, config: { dim: 16, n_layer: 2, n_head: 2 }';
    run(own(own(code, 'graph'), 'training').replace('steps: 2000', small), 'train.mjs');
    expect(existsSync(temporary('runs/digits/model/model.safetensors'))).to.equal(true);
  }).timeout(120_000);
});
