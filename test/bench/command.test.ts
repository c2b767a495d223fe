import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import type { BenchReport } from '../../src/bench/report.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

describe('arpg bench', () => {
  const at = temporaryFolder();

  /** A network of a few thousand parameters that a file describes. */
  function tinyConfig(name: string, architecture: string): string {
    const config = { dim: 16, n_layer: 2, n_head: 2, vocab_size: 32, num_classes: 4, block_size: 4 };
    writeFileSync(at(name), JSON.stringify({ format_version: 2, architecture, config }));
    return at(name);
  }

  it('measures systems in turn, and says what one cannot do', async () => {
    mkdirSync(at('cache'));
    const [own, raster] = [tinyConfig('own.json', 'arpg'), tinyConfig('raster.json', 'llamagen')];
    const args = ['--models', `${own},${raster}`, '--batches', '2', '--steps', '2', '--rounds', '1'];
    const env = { ARPG_CACHE: at('cache') };
    const { code, text, errors } = arpg(
      ['bench', ...args, '--targets', 'onnx', '--json', '--chart', at('chart.png')],
      { env },
    );
    expect(code, errors).to.equal(0);
    expect(errors).to.equal(`random weights: own, raster\nwrote ${at('chart.png')}: 1 markers\n`);
    const { version, machine, combinations } = JSON.parse(text) as BenchReport;
    expect(version).to.equal(1);
    expect(machine.cores).to.be.greaterThan(0);
    const [measured, refused] = combinations;
    expect(measured).to.include({
      model: 'own',
      system: 'arpg',
      batch: 2,
      steps: 2,
      has_random_weights: true,
    });
    const [round] = measured!.rounds;
    expect(round!.first_image_seconds).to.be.greaterThan(round!.drawing_seconds);
    expect(round!.images_per_second).to.be.closeTo(
      2 / (round!.drawing_seconds + round!.decoding_seconds),
      1e-9,
    );
    expect(round!.peak_memory_bytes).to.be.within(3e7, 2e9);
    expect(refused!.rounds).to.deep.equal([]);
    expect(refused!.reason).to.match(/^steps 2: LlamaGen takes 4 steps/);
    const { width, format } = await sharp(at('chart.png')).metadata();
    expect([width, format]).to.deep.equal([1000, 'png']);
    // The random weights are gone.
    expect(readdirSync(at('cache'))).to.deep.equal([]);
    writeFileSync(at('report.json'), text);
  }).timeout(60_000);

  it('shows what was measured before', () => {
    const { code, text } = arpg(['bench', '--from', at('report.json')]);
    expect(code).to.equal(0);
    const [headings, measured, refused, ...rest] = text.split('\n');
    expect(headings).to.match(/^MODEL +PARAMETERS +STEPS +BATCH +IMAGES\/S /);
    expect(measured).to.match(/^own +[\d.]+ k +2 +2 +\d/);
    expect(refused).to.include('not measured: steps 2: LlamaGen takes');
    expect(rest).to.deep.equal(['']);
  });

  it('says in a line what is wrong, before anything is measured', () => {
    const cases: readonly (readonly [number, string, ...string[]])[] = [
      [2, "--batches '0' is not a whole number from 1 to 65536", '--batches', '0'],
      [2, "--targets 'gpu' is unknown", '--targets', 'gpu'],
      [2, "system 'none' is unknown", '--systems', 'none'],
      [2, "--sizes 'huge' is unknown", '--systems', 'arpg', '--sizes', 'huge'],
      [2, "--precisions 'fp8' is unknown", '--precisions', 'fp8'],
      [3, 'no such model folder', '--models', 'nowhere'],
      [3, 'nowhere.json', '--from', 'nowhere.json'],
      [5, 'cannot be written', '--chart', '/dev/null/chart.png'],
    ];
    for (const [exitCode, message, ...args] of cases) {
      const { code, text, errors } = arpg(['bench', ...args]);
      expect(code, errors).to.equal(exitCode);
      expect(errors.trimEnd()).to.include(message).and.not.include('\n');
      expect(text).to.equal('');
    }
  }).timeout(60_000);

  it('fails where nothing can be measured, and shows why', () => {
    const { code, text, errors } = arpg([
      'bench',
      '--models',
      tinyConfig('raster.json', 'llamagen'),
      '--steps',
      '3',
    ]);
    expect(code).to.equal(2);
    expect(text).to.include('not measured: steps 3');
    expect(errors).to.include('none of the combinations can be measured');
  });
});
