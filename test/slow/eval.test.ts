import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { encodePng } from '../../src/data/image.js';
import { encodeNpyBytes } from '../../src/data/npy.js';
import { EXIT_CODES } from '../../src/errors.js';
import {
  encodeOnnxModel,
  ONNX_ATTRIBUTE_TYPES,
  type OnnxValueInfo,
} from '../../src/targets/onnx/onnxSchema.js';
import { arpg, type CliResult } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { zipBytes } from '../support/zips.js';

const SIDE = 8;
const GREYS = [10, 40, 40, 90, 130, 170, 200, 250];
const OTHERS = [0, 20, 60, 100, 160, 190, 210, 230, 255];

type OnnxDims = OnnxValueInfo['type']['tensorType']['shape']['dim'];

/** An ONNX network whose features are the mean of each channel, of pictures of 8×8 pixels. */
function channelMeans(): Uint8Array {
  const tensor = (name: string, dims: OnnxDims) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: dims } } },
  });
  const [images, side] = [{ dimParam: 'images' }, { dimValue: SIDE }];
  return encodeOnnxModel({
    irVersion: 8,
    producerName: 'test',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'means',
      node: [
        {
          name: 'means',
          opType: 'ReduceMean',
          domain: '',
          input: ['image'],
          output: ['means'],
          attribute: [
            { name: 'axes', type: ONNX_ATTRIBUTE_TYPES.ints, ints: [2, 3] },
            { name: 'keepdims', type: ONNX_ATTRIBUTE_TYPES.int, i: 0 },
          ],
        },
      ],
      initializer: [],
      input: [tensor('image', [images, { dimValue: 3 }, side, side])],
      output: [tensor('means', [images, { dimValue: 3 }])],
    },
  });
}

/** The Fréchet distance of grey pictures by the means of their three channels, which are equal. */
function greyDistance(one: readonly number[], other: readonly number[]): number {
  const gaussian = (greys: readonly number[]) => {
    const values = greys.map((grey) => grey / 127.5 - 1);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
  };
  const [a, b] = [gaussian(one), gaussian(other)];
  return 3 * ((a.mean - b.mean) ** 2 + (a.deviation - b.deviation) ** 2);
}

describe('arpg eval', () => {
  const temporary = temporaryFolder();
  const evaluate = (...args: readonly string[]): CliResult => arpg(['eval', ...args]);
  /** The object that `--json` prints. */
  const measured = (...args: readonly string[]) => {
    const result = evaluate(...args, '--json');
    expect(result.code, result.errors).to.equal(EXIT_CODES.done);
    return JSON.parse(result.text) as {
      readonly pictures: number;
      readonly reference_pictures?: number;
      readonly network: string;
      readonly arithmetic: string;
      readonly metrics: Readonly<Record<string, number>>;
      readonly left_out: Readonly<Record<string, string>>;
    };
  };
  /** That a command fails in one line, prints nothing and leaves no file. */
  const refused = (code: number, says: string, ...args: readonly string[]) => {
    const before = readdirSync(temporary('.'));
    const result = evaluate(...args);
    expect(result.errors).to.include(says);
    expect(result.errors.trimEnd().split('\n'), result.errors).to.have.length(1);
    expect(result.code).to.equal(code);
    expect(result.text).to.equal('');
    expect(readdirSync(temporary('.'))).to.deep.equal(before);
  };
  const greyFolder = (name: string, greys: readonly number[]) => {
    mkdirSync(temporary(name));
    for (const [index, grey] of greys.entries()) {
      const data = new Uint8Array(SIDE * SIDE * 3).fill(grey);
      writeFileSync(temporary(`${name}/${index}.png`), encodePng({ width: SIDE, height: SIDE, data }));
    }
    return temporary(name);
  };
  let [samples, others, onnx] = ['', '', ''];
  before(() => {
    samples = greyFolder('samples', GREYS);
    others = greyFolder('others', OTHERS);
    onnx = temporary('means.onnx');
    writeFileSync(onnx, channelMeans());
  });

  it('measures folders by an ONNX network as a closed form does', () => {
    const { metrics, ...said } = measured(samples, '--reference', others, '--features', onnx);
    expect(metrics.fid).to.be.closeTo(greyDistance(GREYS, OTHERS), 1e-6);
    expect(metrics).to.have.all.keys('fid', 'precision', 'recall', 'kid', 'cmmd');
    expect(said).to.deep.include({
      ...{ pictures: GREYS.length, reference_pictures: OTHERS.length, network: 'onnx', arithmetic: 'exact' },
      left_out: {
        sfid: 'the network has no spatial features',
        is: 'the network tells no classes apart',
      },
    });
  });

  it('prints a table, and says on stderr what it is of', () => {
    const { code, text, errors } = evaluate(samples, '--reference', others, '--features', onnx);
    expect(code).to.equal(EXIT_CODES.done);
    expect(text.split('\n').map((line) => line.split(/ +/)[0])).to.deep.equal([
      ...['fid', 'precision', 'recall', 'kid', 'cmmd', ''],
    ]);
    expect(Number(/^fid +(\S+)$/m.exec(text)![1])).to.be.closeTo(greyDistance(GREYS, OTHERS), 1e-5);
    expect(errors).to.include('8 pictures beside 9, by onnx; precision and recall computed exactly');
    expect(errors).to.include('compare figures of as many');
    expect(evaluate(samples, '--reference', others, '--features', onnx, '--quiet').errors).to.equal('');
  });

  it('an archive of the same pictures measures the same, by the small network too', () => {
    const size = SIDE * SIDE * 3;
    const pixels = Uint8Array.from({ length: size * GREYS.length }, (_, at) => GREYS[Math.floor(at / size)]!);
    writeFileSync(
      temporary('samples.npz'),
      zipBytes([{ name: 'arr_0.npy', data: encodeNpyBytes([GREYS.length, SIDE, SIDE, 3], [pixels]) }]),
    );
    const folder = measured(samples, '--reference', others);
    const archive = measured(temporary('samples.npz'), '--reference', others);
    expect(folder.network).to.equal('small');
    expect(archive.metrics).to.deep.equal(folder.metrics);
    expect(folder.metrics).to.have.all.keys('fid', 'is', 'precision', 'recall', 'kid', 'cmmd');
    const chosen = measured(samples, '--reference', others, '--metrics', 'recall,fid', '--arithmetic', 'adm');
    expect(Object.keys(chosen.metrics).sort()).to.deep.equal(['fid', 'recall']);
    expect(chosen.arithmetic).to.equal('adm');
    const same = measured(samples, '--reference', samples, '--metrics', 'fid,precision,recall');
    expect(same.metrics.fid).to.be.closeTo(0, 1e-9);
    expect(same.metrics).to.include({ precision: 1, recall: 1 });
  });

  it('archives of sample --format npz are taken', () => {
    const drawn = temporary('drawn.npz');
    const flags = ['--class', '1', '--count', '3', '--seed', '1', '--format', 'npz', '-o', drawn];
    expect(arpg(['sample', ...flags]).code).to.equal(EXIT_CODES.done);
    expect(measured(drawn, '--features', onnx, '--reference', drawn, '--metrics', 'fid')).to.deep.include({
      pictures: 3,
      reference_pictures: 3,
    });
  });

  it('statistics that are written are a reference, and nothing need be measured beside', () => {
    const file = temporary('statistics.npz');
    const wrote = evaluate(others, '--features', onnx, '--statistics', file);
    expect(wrote.errors).to.include(`wrote ${file}: statistics of 9 pictures`);
    expect([wrote.code, wrote.text]).to.deep.equal([EXIT_CODES.done, '']);
    const { metrics, left_out } = measured(samples, '--features', onnx, '--reference', file);
    expect(metrics.fid).to.be.closeTo(greyDistance(GREYS, OTHERS), 1e-6);
    expect(Object.keys(metrics)).to.deep.equal(['fid']);
    expect(left_out.precision).to.equal('the reference has statistics alone, and no pictures');
    refused(
      EXIT_CODES.badInput,
      'its statistics are of 3 features',
      ...[samples, '--reference', file, '--metrics', 'fid'],
    );
    refused(EXIT_CODES.badInput, 'it holds statistics alone', file, '--features', onnx);
    refused(EXIT_CODES.usage, 'is read: give', samples, '--reference', file, '--statistics', file);
  });

  it('parts that are merged in any order give what the whole gives', () => {
    const parts = ['3', '1', '2'].map((index) => {
      const file = temporary(`part-${index}.safetensors`);
      const { code, text, errors } = evaluate(others, '--shard', `${index}/3`, '-o', file, '--json');
      expect(code, errors).to.equal(EXIT_CODES.done);
      expect(JSON.parse(text)).to.deep.equal({ output: file, pictures: 3, of: 9 });
      return file;
    });
    const whole = measured(others, '--reference', samples);
    const merged = measured('--merge', ...parts, '--reference', samples);
    expect(Object.keys(merged.metrics)).to.deep.equal(Object.keys(whole.metrics));
    for (const [metric, value] of Object.entries(whole.metrics))
      expect(merged.metrics[metric], metric).to.be.closeTo(value, 1e-9);
    expect({ ...merged, metrics: {}, samples: [] }).to.deep.equal({ ...whole, metrics: {}, samples: [] });
    const all = temporary('all.safetensors');
    expect(evaluate(samples, '--shard', '1/1', '-o', all).code).to.equal(EXIT_CODES.done);
    const beside = measured('--merge', ...parts, '--reference', all);
    expect(beside.metrics.fid).to.be.closeTo(whole.metrics.fid!, 1e-9);

    const [third, first, second] = parts as [string, string, string];
    refused(EXIT_CODES.badInput, '2 are missing', '--merge', first, third);
    refused(EXIT_CODES.badInput, 'named twice', '--merge', first, first, second, third);
    refused(EXIT_CODES.badInput, 'part 1 of 1', '--merge', first, all);
    refused(EXIT_CODES.badInput, 'part 3 of 3, and no whole set', samples, '--reference', third);
    refused(EXIT_CODES.usage, 'add --merge', first);
    const foreign = temporary('foreign.safetensors');
    evaluate(others, '--shard', '2/3', '-o', foreign, '--features', onnx);
    refused(EXIT_CODES.badInput, 'of another network', '--merge', first, foreign, third);
    const changed = greyFolder('changed', OTHERS.with(4, 161));
    evaluate(changed, '--shard', '2/3', '-o', foreign);
    refused(EXIT_CODES.badInput, 'of other pictures', '--merge', first, foreign, third);
    refused(
      EXIT_CODES.badInput,
      'another network than the samples',
      ...['--merge', ...parts, '--reference', samples, '--features', onnx],
    );
    writeFileSync(foreign, readFileSync(second).subarray(0, 5000));
    refused(EXIT_CODES.badInput, foreign, '--merge', first, foreign, third);
  });

  it('what cannot be measured is refused in one line, and leaves no file', () => {
    const [file, output] = [temporary('none.npz'), temporary('none.safetensors')];
    mkdirSync(temporary('empty'));
    const one = greyFolder('one', [7]);
    refused(EXIT_CODES.badInput, 'holds no PNG, JPEG or WebP', temporary('empty'), '--statistics', file);
    refused(EXIT_CODES.badInput, 'no such file or folder', temporary('nowhere'), '--statistics', file);
    refused(
      EXIT_CODES.badInput,
      'nowhere: cannot be read',
      ...[samples, '--reference', temporary('nowhere'), '--statistics', file],
    );
    refused(EXIT_CODES.badInput, 'one picture', one, '--statistics', file);
    refused(EXIT_CODES.badInput, 'none of its 1 pictures', one, '--shard', '1/2', '-o', output);
    refused(
      EXIT_CODES.usage,
      'at least 2 pictures',
      ...[one, '--reference', others, '--metrics', 'fid', '--statistics', file],
    );
    refused(EXIT_CODES.usage, 'at least 4 pictures', one, '--reference', others, '--metrics', 'recall');
    refused(EXIT_CODES.usage, 'fewer pictures', samples, '--reference', others, '--kid-subsets', '3');
    refused(EXIT_CODES.usage, 'nothing can be measured', samples, '--features', onnx);
    refused(EXIT_CODES.usage, '--metrics fidelity is unknown', samples, '--metrics', 'fidelity');
    refused(EXIT_CODES.usage, 'there is no --reference', samples, '--metrics', 'fid');
    refused(EXIT_CODES.usage, 'one set is measured at a time', samples, others);
    refused(EXIT_CODES.usage, '--shard 3/2 is no part', samples, '--shard', '3/2', '-o', output);
    refused(EXIT_CODES.usage, 'shard', samples, '--shard', '1/2', '-o', output, '--statistics', file);
    refused(EXIT_CODES.usage, '--json', samples, '--shard', '1/2', '-o', '-', '--json');
    refused(EXIT_CODES.usage, 'names a file', samples, '--statistics', '-');
    refused(EXIT_CODES.usage, 'none of small, inception', samples, '--features', 'large');
    refused(EXIT_CODES.badInput, 'no such file', samples, '--features', temporary('none.onnx'));
    refused(EXIT_CODES.output, 'means.onnx', samples, '--statistics', `${onnx}/file.npz`);
    const broken = greyFolder('broken', [1, 2, 3]);
    writeFileSync(temporary('broken/1.png'), 'no picture');
    refused(EXIT_CODES.badInput, temporary('broken/1.png'), broken, '--statistics', file);
    expect(existsSync(file)).to.equal(false);
  }).timeout(120_000);
});
