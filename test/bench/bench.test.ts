import { expect } from 'chai';
import sharp from 'sharp';
import { axisFor } from '../../src/bench/axis.js';
import { chartPlaces, chartPng, chartPoints, chartSvg } from '../../src/bench/chart.js';
import { combine, memoryFault, type PlannedCombination } from '../../src/bench/combinations.js';
import { parseChoices, parseCounts, parseList, parseSize, parseSteps } from '../../src/bench/lists.js';
import { machinePeak } from '../../src/bench/machinePeak.js';
import type { Measurement } from '../../src/bench/measure.js';
import { namedModel, sizedModel } from '../../src/bench/models.js';
import { placeLabels } from '../../src/bench/placeLabels.js';
import { workPlanner } from '../../src/bench/plannedWork.js';
import { randomWeights } from '../../src/bench/randomWeights.js';
import { mergeRows, REPORT_SCHEMA, reported, type ReportedCombination } from '../../src/bench/report.js';
import { measureInTurn } from '../../src/bench/rounds.js';
import { spreadOf } from '../../src/bench/statistics.js';
import { textPath, textWidth } from '../../src/bench/strokeFont.js';
import { tableOf, threeDigits } from '../../src/bench/tableRows.js';
import { readFloats } from '../../src/graph/weights.js';
import { validator } from '../../src/jsonFile.js';
import { resolveSettings } from '../../src/library/settings.js';
import { parameterGraphs } from '../../src/models/tokenizerParameters.js';
import { requireSystem, SYSTEMS } from '../../src/systems/registry.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';

const round = (drawing_seconds: number, peak_memory_bytes = 2e9): Measurement => ({
  first_image_seconds: 5,
  drawing_seconds,
  decoding_seconds: 1,
  peak_memory_bytes,
  peak_flops_per_second: 1e11,
});

const tiny = () => sizedModel(requireSystem('arpg'), 'small', 0);

function measuredRow(changes: Partial<ReportedCombination> = {}, rounds = [round(3)]): ReportedCombination {
  const [planned] = combine(
    { models: [tiny()], batches: [4], steps: [undefined], targets: ['onnx'], precisions: ['fp32'] },
    1e12,
  );
  return { ...reported({ ...planned!, rounds }), ...changes };
}

describe('lists of bench', () => {
  it('are values with commas between, each once', () => {
    expect(parseList('models', 'a, b,a')).to.deep.equal(['a', 'b']);
    expect(parseCounts('batches', '1,8,08')).to.deep.equal([1, 8]);
    expect(parseSteps('steps', 'default,32')).to.deep.equal([undefined, 32]);
    expect(parseChoices('targets', 'onnx', ['onnx', 'reference'])).to.deep.equal(['onnx']);
    expect(parseSize('small')).to.equal('small');
    expect(parseSize('300M')).to.deep.equal({ parameters: 3e8 });
    expect(parseSize('1.3B')).to.deep.equal({ parameters: 1.3e9 });
  });

  it('name the flag and the value that is none', () => {
    expect(() => parseList('models', 'a,,b')).to.throw("--models 'a,,b'");
    for (const wrong of ['0', '-1', '1.5', 'x', '65537', '1e3'])
      expect(() => parseCounts('batches', wrong)).to.throw(`--batches '${wrong}' is not a whole number`);
    expect(() => parseSteps('steps', 'usual')).to.throw("--steps 'usual'");
    expect(() => parseChoices('targets', 'gpu', ['onnx'])).to.throw(
      "--targets 'gpu' is unknown; there are onnx",
    );
    for (const wrong of ['large', '0M', '300', '300m'])
      expect(() => parseSize(wrong)).to.throw(`--sizes '${wrong}'`);
  });
});

describe('networks of bench', () => {
  it('are of each system at about a size, for pictures of 256×256', () => {
    for (const system of SYSTEMS) {
      const { name, parameters, generator } = sizedModel(system, { parameters: 3e8 }, 0);
      expect(parameters, name).to.be.within(2e8, 4.9e8);
      expect(system.config.facts(generator.config).grid, name).to.deep.equal({ height: 16, width: 16 });
    }
    expect(sizedModel(requireSystem('maskgit'), { parameters: 3e8 }, 0).name).to.equal('MaskGIT-Large-256');
    expect(sizedModel(requireSystem('arpg'), { parameters: 3e8 }, 0).name).to.equal('ARPG-L');
  });

  it('are presets, model folders, or refused with what there is', () => {
    expect(namedModel('VAR-d16', 0).parameters).to.be.within(3e8, 3.2e8);
    expect(namedModel('digits', 0).source).to.have.property('folder');
    expect(() => namedModel('none-such', 0)).to.throw(/none-such.*published configurations such as ARPG-L/);
  });

  it('have random weights that depend on the seed alone', () => {
    const { system, config } = tiny().generator;
    const graphs = parameterGraphs(system, config);
    const values = (seed: number) => [...randomWeights(graphs, seed).values()].map((own) => readFloats(own));
    const [first, again, other] = [values(0), values(0), values(1)];
    expect(again).to.deep.equal(first);
    const largest = first.reduce((most, own) => (own.length > most.length ? own : most));
    const deviation = Math.sqrt(largest.reduce((sum, value) => sum + value ** 2, 0) / largest.length);
    expect(deviation).to.be.closeTo(0.02, 0.0005);
    expect(other.some((own, index) => own.some((value, at) => value !== first[index]![at]))).to.equal(true);
  });
});

describe('the work that bench plans', () => {
  const workOf = (name: string, batch: number) => {
    const { generator } = sizedModel(requireSystem(name), 'small', 0);
    const { grid } = generator.system.config.facts(generator.config);
    const settings = resolveSettings({ seed: 0 }, generator, grid);
    return { work: workPlanner(generator)(grid, settings, batch, generator.weights), generator, settings };
  };

  it('has a pass for each token in raster order, and few in parallel', () => {
    const raster = workOf('llamagen', 1).work;
    expect(raster.passes).to.equal(256);
    expect(raster.tokensPerPass).to.equal(1);
    const { work, settings } = workOf('arpg', 1);
    // The prefill of the class is one more where there is one.
    expect(work.passes).to.be.within(settings.steps, settings.steps + 1);
    expect(workOf('var', 1).work).to.include({ passes: 10, tokensPerPass: 68 });
    // Each step of MAR asks once, and draws in 100 steps of its diffusion.
    expect(workOf('mar', 1).work.passes).to.equal(64 * 101);
  });

  it('counts two operations for each weight of a layer and each row', () => {
    const { work, generator } = workOf('llamagen', 1);
    const layers = [...generator.weights].filter(([name]) => !name.includes('embed'));
    const numbers = layers.reduce(
      (sum, [, { shape }]) => sum + shape.reduce((size, side) => size * side, 1),
      0,
    );
    // Two rows, with and without the class; attention over up to 256 tokens comes on top.
    const products = 2 * numbers * 2 * 256;
    expect(work.flops).to.be.within(products, 1.2 * products);
    const eight = workOf('llamagen', 8).work;
    expect(eight.flops).to.be.closeTo(work.flops, work.flops * 1e-4);
  });

  it('knows the memory of weights and of keys and values', () => {
    const { work, generator } = workOf('llamagen', 1);
    const numbers = [...generator.weights.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((size, side) => size * side, 1),
      0,
    );
    expect(work.weightBytes).to.equal(4 * numbers);
    // Keys and values of 192 numbers in 6 layers for 2 rows, before the last call for 255 tokens, and after it for 256.
    expect(work.cacheBytes).to.equal(2 * 192 * 6 * 2 * 4 * (255 + 256));
    expect(workOf('llamagen', 8).work.cacheBytes).to.equal(8 * work.cacheBytes);
    expect(workOf('maskgit', 1).work.cacheBytes).to.equal(0);
    expect(work.activationBytes).to.be.within(1e5, 1e7);
  });

  it('says which combinations cannot be', () => {
    const models = [tiny(), sizedModel(requireSystem('llamagen'), 'small', 0)];
    const choices = { batches: [1, 64], steps: [16], targets: ['onnx'], precisions: ['int8' as const] };
    const all = combine({ models, ...choices }, 1e9);
    expect(all.map(({ reason }) => reason)).to.deep.equal([
      undefined,
      undefined,
      ...Array(2).fill('steps 16: LlamaGen takes 256 steps for 256 tokens; leave them out'),
    ]);
    expect(all[0]!.plan!.weightBytes).to.be.lessThan(0.6 * 4 * models[0]!.parameters);
    const [small, large] = combine({ models: models.slice(0, 1), ...choices }, 1.2e8);
    expect(small!.reason).to.equal(undefined);
    expect(large!.reason).to.match(/^needs 0\.\d GB of memory, and 0\.1 GB are free$/);
    expect(memoryFault(small!.plan!, 0)).to.match(/needs/);
  });
});

describe('rounds of bench', () => {
  const planned = combine(
    { models: [tiny()], batches: [1, 2, 3], steps: [undefined], targets: ['onnx'], precisions: ['fp32'] },
    1e12,
  );

  it('take the combinations in turn, and leave out what fails', async () => {
    const [one, two, three] = planned as [PlannedCombination, PlannedCombination, PlannedCombination];
    const order: string[] = [];
    const done: number[] = [];
    const measured = await measureInTurn(
      [one, { ...two, reason: 'no' }, three],
      3,
      async ({ batch }, index) => {
        order.push(`${index}:${batch}`);
        return batch === 3 && index === 1 ? { reason: 'lost' } : { measured: round(index + 1) };
      },
      (count) => done.push(count),
    );
    expect(order).to.deep.equal(['0:1', '0:3', '1:1', '1:3', '2:1']);
    expect(done).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(measured.map(({ rounds, reason }) => [rounds.length, reason])).to.deep.equal([
      [3, undefined],
      [0, 'no'],
      [0, 'lost'],
    ]);
  });

  it('are shown as medians with the smallest and the largest', () => {
    expect(spreadOf([3, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 3, 2])).to.deep.equal({ median: 2.5, min: 1, max: 4 });
    expect(() => spreadOf([])).to.throw(RangeError);
  });
});

describe('reports of bench', () => {
  it('say what follows from the rounds', () => {
    const row = measuredRow({}, [round(3), round(7), round(1)]);
    expect(row.rounds.map(({ images_per_second }) => images_per_second)).to.deep.equal([1, 0.5, 2]);
    expect(row.rounds.map(({ drawn_per_second }) => drawn_per_second)).to.deep.equal([4 / 3, 4 / 7, 4]);
    expect(row.spread!.images_per_second).to.deep.equal({ median: 1, min: 0.5, max: 2 });
    const flops = row.plan!.flops_per_image;
    expect(row.rounds[0]!.share_of_peak).to.be.closeTo((flops * 4) / 3 / 1e11, 1e-9);
  });

  it('fit their schema, and nothing else does', () => {
    const check = validator(REPORT_SCHEMA as never) as (value: unknown, source: string) => unknown;
    const machine = { processor: 'x', cores: 2, memory_bytes: 1 };
    const whole = { version: 1, machine, combinations: [measuredRow()] };
    expect(check(JSON.parse(JSON.stringify(whole)), 'x')).to.deep.equal(whole);
    const { spread: _, ...failed } = measuredRow({ rounds: [], reason: 'no' });
    check({ ...whole, combinations: [failed] }, 'x');
    expect(() => check({ ...whole, version: 2 }, 'file')).to.throw(/^file: field 'version'/);
    const wrong = measuredRow({ batch: 'many' as unknown as number });
    expect(() => check({ ...whole, combinations: [wrong] }, 'file')).to.throw('combinations.0.batch');
  });

  it('of several runs are one, where the later takes the place of the earlier', () => {
    const [one, two] = [measuredRow(), measuredRow({ batch: 8 })];
    const again = measuredRow({}, [round(9)]);
    expect(mergeRows([one, two], [again])).to.deep.equal([two, again]);
  });

  it('are tables without what is the same everywhere', () => {
    const { headings, rows } = tableOf([
      measuredRow({}, [round(3), round(7), round(1)]),
      measuredRow({ batch: 8, rounds: [], reason: 'no memory' }),
    ]);
    expect(headings.slice(0, 4)).to.deep.equal(['MODEL', 'STEPS', 'BATCH', 'IMAGES/S']);
    expect(rows[0]!.slice(2, 4)).to.deep.equal(['4', '1.00 (0.500–2.00)']);
    expect(rows[0]!.at(headings.indexOf('PEAK MB'))).to.equal('2000');
    expect(rows[1]!.slice(2)).to.deep.equal(['8', 'not measured: no memory']);
    const targets = tableOf([measuredRow(), measuredRow({ target: 'reference' })]);
    expect(targets.headings).to.include('TARGET');
    expect([0, 0.01234, 1, 12.34, 1234.4].map(threeDigits)).to.deep.equal([
      '0',
      '0.0123',
      '1.00',
      '12.3',
      '1234',
    ]);
  });
});

describe('the chart of bench', () => {
  const rows = [
    measuredRow({}, [round(3, 1e9)]),
    measuredRow({ batch: 8 }, [round(1, 2e9)]),
    measuredRow({ system: 'var', model: 'VAR-d16' }, [round(39, 4e9)]),
    measuredRow({ system: 'mar', rounds: [], reason: 'no' }),
  ].map((row) => (row.reason === undefined ? row : { ...row, spread: undefined as never }));
  const points = chartPoints(rows);

  it('has a point for each measured row, with what tells it from others of its system', () => {
    expect(points.map(({ system, label }) => [system, label])).to.deep.equal([
      ['arpg', 'batch 4'],
      ['arpg', 'batch 8'],
      ['var', 'batch 4'],
    ]);
    expect(points.map(({ memory }) => memory)).to.deep.equal([1, 2, 4]);
    expect(points[0]!.speed).to.be.closeTo(4 / 3, 1e-9);
  });

  it('has axes from zero, and logarithmic ones where values lie far apart', () => {
    const linear = axisFor([1, 4]);
    expect(linear.isLogarithmic).to.equal(false);
    expect(linear.ticks).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect([0, 5].map(linear.at)).to.deep.equal([0, 1]);
    const far = axisFor([0.1, 10]);
    expect(far.isLogarithmic).to.equal(true);
    expect(far.at(1)).to.be.closeTo(0.5, 1e-9);
    expect(far.ticks).to.include.members([0.1, 1, 10]);
  });

  it('draws markers where the numbers say', async () => {
    const places = chartPlaces(points);
    // Memory is linear, speed (4 pictures in 3, 1 and 39 seconds) logarithmic.
    const [one, two, three] = places as [(typeof places)[0], (typeof places)[0], (typeof places)[0]];
    expect(three.x - two.x).to.be.closeTo(2 * (two.x - one.x), 1e-6);
    expect(one.y - two.y).to.be.closeTo(((three.y - one.y) * Math.log(3)) / Math.log(13), 1e-6);
    const { data, info } = await sharp(Buffer.from(await chartPng(points)))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const colourAt = ({ x, y }: { readonly x: number; readonly y: number }) =>
      [...data.subarray((Math.round(y) * info.width + Math.round(x)) * 3)].slice(0, 3);
    expect(colourAt(one)).to.deep.equal([0xc2, 0x2f, 0x2f]);
    expect(colourAt(two)).to.deep.equal([0xc2, 0x2f, 0x2f]);
    expect(colourAt(three)).to.deep.equal([0x2a, 0x5f, 0xb0]);
    // Beside a marker is paper, or a line of the grid.
    expect(Math.min(...colourAt({ x: one.x - 20, y: one.y - 20 }))).to.be.greaterThan(0xe0);
  });

  it('is the same drawing on machines without fonts', () => {
    expect(chartSvg(points)).to.not.include('<text');
    expect(textWidth('II', 6)).to.be.closeTo(1.6, 1e-9);
    expect(textPath('L', 10, 20, 12)).to.equal('M10.00 8.00L10.00 20.00L18.00 20.00');
    // Letters that there are none of are seen.
    expect(textPath('é', 0, 6, 6)).to.include('L');
  });

  it('puts labels where they cover nothing, if there is room', () => {
    const marker = (x: number) => ({ x, y: 50, width: 10, height: 10 });
    const size = { width: 30, height: 10 };
    const frame = { x: 0, y: 0, width: 200, height: 100 };
    const [first, second] = placeLabels([marker(100), marker(115)], [size, size], frame);
    expect(first!.x + first!.width).to.be.lessThan(100);
    expect(second!.x).to.be.greaterThan(125);
    const [atEdge] = placeLabels([marker(185)], [size], frame);
    expect(atEdge!.x + atEdge!.width).to.be.lessThan(185);
  });
});

describe("the machine's peak", () => {
  it('is that of a product which the target computes', async () => {
    // No processor here does less than 0.1 or more than 100,000 G operations a second.
    expect(await machinePeak(onnxTarget())).to.be.within(1e8, 1e14);
  });
});
