import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { cacheNames } from '../../graphs/arpg.js';
import { openPytorch } from '../support/checkpoints.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { writeOnnxModel, onnxModelOf } from '../../src/export/exportOnnx.js';
import { readFloats, type Weights } from '../../src/graph/weights.js';
import { modelGraph } from '../../src/faces/graph.js';
import {
  exportGpujs,
  exportOnnx,
  exportOnnxFolder,
  exportPytorch,
  exportSafetensors,
  load,
  type Model,
  onnxGraphsOf,
  PRECISIONS,
  type SampleOptions,
  sampleTokens,
  writeModelFolder,
} from '../../src/index.js';
import type { SamplingOptions } from '../../src/sampling/request.js';
import type { StepOptions } from '../../src/sampling/sampler.js';
import { loadOnnxRuntime } from '../../src/targets/onnx/onnxRuntime.js';
import { decodeOnnxModel, ONNX_DATA_TYPES } from '../../src/targets/onnx/onnxSchema.js';
import { arpgConfig, pictureOf } from '../support/arpg.js';
import { arpg } from '../support/cli.js';
import { writeEditableModel } from '../support/editableModel.js';
import { goldenPath } from '../support/golden.js';
import { findOnnxFaults } from '../support/onnxChecker.js';
import { temporaryFolder } from '../support/temporary.js';
import { vocabularyOf } from '../../src/codes.js';
import { knownTokens } from '../support/codes.js';

const ort = loadOnnxRuntime();

/** Token ids or places of one row, as onnxruntime takes them. */
const ids = (values: readonly number[]) =>
  new ort.Tensor('int32', Int32Array.from(values), [1, values.length]);

const settings: SamplingOptions & StepOptions = {
  ...{ seed: 1, steps: 2, schedule: 'arccos', guidance: 1, guidanceSchedule: 'linear' },
  ...{ temperature: 1, topK: 1, topP: 1 },
};

const readModel = (path: string) => decodeOnnxModel(readFileSync(path));

function expectSameTensors(actual: Weights, expected: Weights): void {
  expect([...actual.keys()].sort()).to.deep.equal([...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    const own = actual.get(name)!;
    expect([own.dtype, own.shape], name).to.deep.equal([tensor.dtype, tensor.shape]);
    expect(Buffer.from(own.read()).equals(tensor.read()), name).to.equal(true);
  }
}

describe('export', () => {
  const temporary = temporaryFolder();
  let tiny: Model;
  let digits: Model;
  before(async () => {
    tiny = await load('tiny', { target: 'reference' });
    digits = await load('digits', { target: 'reference' });
  });

  describe('onnx', () => {
    for (const precision of PRECISIONS)
      it(`${precision}: keeps the rules of the format, the checkpoint's names, and tells about itself`, async () => {
        const folder = temporary(`digits-${precision}`);
        await exportOnnxFolder(digits, folder, { precision });
        expect(onnxGraphsOf(digits)).to.deep.equal(['step', 'prefill', 'encoder', 'decoder']);
        for (const name of onnxGraphsOf(digits)) {
          const isGenerators = name === 'step' || name === 'prefill';
          const model = readModel(`${folder}/${name}.onnx`);
          expect(findOnnxFaults(model, folder), name).to.deep.equal([]);
          // There is no standard product of 4 bits that keeps them packed.
          const domains = precision === 'int4' && isGenerators ? ['', 'com.microsoft'] : [''];
          expect(model.opsetImport.map(({ domain = '' }) => domain)).to.deep.equal(domains);
          const { weights } = isGenerators ? digits.generator : digits.tokenizerModel;
          // Products of one input lie side by side, under all of their names.
          const namesOf = (own: string) => own.replace(/_(quantized|scale)$/, '').split('+');
          const stored = model.graph.initializer.filter(({ name: own }) =>
            namesOf(own).every((part) => weights.has(part)),
          );
          const names = new Set(stored.flatMap(({ name: own }) => namesOf(own)));
          expect(names.size, name).to.be.above({ step: 40, prefill: 30 }[name] ?? 60);
          const types = new Set(stored.filter(({ dims }) => dims.length > 1).map(({ dataType }) => dataType));
          const expected = {
            fp32: [ONNX_DATA_TYPES.float],
            fp16: [ONNX_DATA_TYPES.float16],
            int8: isGenerators ? [ONNX_DATA_TYPES.int8, ONNX_DATA_TYPES.float16] : [ONNX_DATA_TYPES.float16],
            int4: isGenerators ? [ONNX_DATA_TYPES.uint8, ONNX_DATA_TYPES.float16] : [ONNX_DATA_TYPES.float16],
          }[precision];
          expect([...types].sort(), name).to.deep.equal([...expected].sort());
        }
        const metadata = Object.fromEntries(
          readModel(`${folder}/step.onnx`).metadataProps!.map(({ key, value }) => [key, value]),
        );
        expect(JSON.parse(metadata.config!)).to.deep.equal(digits.generator.config);
        expect(JSON.parse(metadata.labels!)).to.deep.equal(digits.generator.labels);
        expect(metadata.license).to.equal(digits.generator.license);
      });

    it('the checker finds what is wrong', async () => {
      await exportOnnx(tiny, 'decoder', temporary('sound.onnx'));
      const sound = readModel(temporary('sound.onnx'));
      const { graph } = sound;
      const faults = (change: object) => findOnnxFaults({ ...sound, graph: { ...graph, ...change } }, '.');
      expect(faults({})).to.deep.equal([]);
      expect(faults({ node: graph.node.toReversed() }).join()).to.include('too early');
      expect(faults({ node: graph.node.slice(1) }).join()).to.include('too early');
      expect(faults({ node: [...graph.node, graph.node[0]] }).join()).to.include('defined twice');
      expect(faults({ initializer: graph.initializer.slice(1) }).join()).to.include('too early');
      const [first, ...rest] = graph.initializer;
      expect(faults({ initializer: [{ ...first!, dims: [1, 2, 3] }, ...rest] }).join()).to.include(
        'bytes, not',
      );
      const odd = { ...graph.node[0]!, domain: 'com.microsoft', name: 'odd', output: ['odd'] };
      expect(faults({ node: [...graph.node, odd] }).join()).to.include('not imported');
    });

    it('runs in plain onnxruntime and gives the logits of the onnx target, over past and present', async () => {
      await exportOnnx(tiny, 'step', temporary('step.onnx'));
      await exportOnnx(tiny, 'step', temporary('step-data.onnx'), { externalData: true });
      expect(existsSync(temporary('step-data.onnx.data'))).to.equal(true);
      const ours = await load('tiny', { target: 'onnx' });
      const recorded: Float32Array[] = [];
      // Two steps draw two tokens and three.
      const [codes] = await ours
        .sampler()
        .sample([pictureOf(3, 0, [5, 0, 9, 2, 7])], settings, ({ logits }) =>
          recorded.push(Float32Array.from(logits!.data as Float32Array)),
        );
      await ours.dispose();
      const vocabulary = vocabularyOf(tiny.facts.codes);
      const names = cacheNames(arpgConfig(tiny.generator.config));
      for (const file of ['step.onnx', 'step-data.onnx']) {
        const session = await ort.InferenceSession.create(temporary(file));
        const empty = new ort.Tensor('float32', new Float32Array(0), [1, 2, 0, 32]);
        const first = await session.run({
          content_ids: ids([vocabulary + 1 + 3]),
          content_positions: ids([0]),
          query_positions: ids([6, 1]),
          ...Object.fromEntries(names.map(({ past }) => [past, empty])),
        });
        const drawn = [5, 0].map((position) => codes!.tokens[position]!);
        const second = await session.run({
          content_ids: ids(drawn),
          content_positions: ids([6, 1]),
          query_positions: ids([10, 3, 8]),
          ...Object.fromEntries(names.map(({ past, present }) => [past, first[present]!])),
        });
        expect(recorded).to.have.length(2);
        for (const [step, { logits }] of [first, second].entries()) {
          const values = logits!.data as Float32Array;
          expect(values).to.have.length(recorded[step]!.length);
          for (const [index, value] of values.entries())
            expect(value, `${file} step ${step}`).to.be.closeTo(recorded[step]![index]!, 1e-4);
        }
        await session.release();
      }
    });

    it('a prefill, then a step, give the logits of the sampler for a picture with known tokens', async () => {
      await exportOnnxFolder(tiny, temporary('tiny'));
      const ours = await load('tiny', { target: 'onnx' });
      const known = knownTokens(16, [
        [4, 9],
        [11, 2],
        [1, 30],
      ]);
      const recorded: Float32Array[] = [];
      await ours
        .sampler()
        .sample([{ ...pictureOf(3, 0, [5, 0]), known }], { ...settings, steps: 1 }, ({ logits }) =>
          recorded.push(Float32Array.from(logits!.data as Float32Array)),
        );
      await ours.dispose();
      const names = cacheNames(arpgConfig(tiny.generator.config));
      const open = (name: string) => ort.InferenceSession.create(temporary(`tiny/${name}.onnx`));
      const [prefill, step] = await Promise.all([open('prefill'), open('step')]);
      const cache = await prefill.run({
        content_ids: ids([vocabularyOf(tiny.facts.codes) + 1 + 3, 9, 2]),
        content_positions: ids([0, 5, 12]),
      });
      const { logits } = await step.run({
        content_ids: ids([30]),
        content_positions: ids([2]),
        query_positions: ids([6, 1]),
        ...Object.fromEntries(names.map(({ past, present }) => [past, cache[present]!])),
      });
      expect(recorded).to.have.length(1);
      expect(logits!.data).to.have.length(recorded[0]!.length);
      for (const [index, value] of (logits!.data as Float32Array).entries())
        expect(value).to.be.closeTo(recorded[0]![index]!, 1e-4);
      await Promise.all([prefill.release(), step.release()]);
    });

    it('fp16 and int8 are close to fp32 and smaller', async () => {
      const sizes: number[] = [];
      const logits: Float32Array[] = [];
      const vocabulary = vocabularyOf(digits.facts.codes);
      const config = arpgConfig(digits.generator.config);
      const positions = config.grid.height * config.grid.width;
      for (const precision of PRECISIONS) {
        const path = temporary(`digits-${precision}/step.onnx`);
        sizes.push(readFileSync(path).length);
        const session = await ort.InferenceSession.create(path);
        const empty = new ort.Tensor('float32', new Float32Array(0), [
          1,
          config.heads,
          0,
          config.dim / config.heads,
        ]);
        const classToken = Int32Array.of(vocabulary + 1 + 3);
        const queries = Int32Array.from({ length: positions }, (_, position) => position + 1);
        const result = await session.run({
          content_ids: new ort.Tensor('int32', classToken, [1, 1]),
          content_positions: new ort.Tensor('int32', Int32Array.of(0), [1, 1]),
          query_positions: new ort.Tensor('int32', queries, [1, positions]),
          ...Object.fromEntries(cacheNames(config).map(({ past }) => [past, empty])),
        });
        logits.push(result.logits!.data as Float32Array);
        await session.release();
      }
      const [exact, half, quantized] = logits as [Float32Array, Float32Array, Float32Array];
      const spread = Math.sqrt(exact.reduce((sum, value) => sum + value * value, 0) / exact.length);
      const error = (other: Float32Array) =>
        Math.sqrt(exact.reduce((sum, value, index) => sum + (value - other[index]!) ** 2, 0) / exact.length) /
        spread;
      expect(error(half)).to.be.below(0.002);
      expect(error(quantized)).to.be.within(1e-6, 0.08);
      expect(sizes[1]! / sizes[0]!).to.be.below(0.55);
      expect(sizes[2]! / sizes[0]!).to.be.below(0.32);
    });

    it('metadata of a large model keeps to the file beside it', async () => {
      mkdirSync(temporary('large'));
      const { graph, weights } = modelGraph('decoder', tiny.folder);
      const lowered = onnxModelOf(graph, weights!, { precision: 'fp16', metadata: {} });
      const files = await writeOnnxModel(temporary('large/decoder.onnx'), lowered, true);
      expect(files.map((file) => file.slice(dirname(file).length + 1))).to.deep.equal([
        'decoder.onnx',
        'decoder.onnx.data',
      ]);
      const model = readModel(files[0]!);
      expect(findOnnxFaults(model, temporary('large'))).to.deep.equal([]);
      expect(findOnnxFaults(model, temporary('')).join()).to.include('outside its file');
    });
  });

  describe('pt and safetensors', () => {
    for (const part of ['generator', 'tokenizer'] as const)
      it(`${part}: exported and imported again, every bit is the same`, async () => {
        const { weights } = part === 'generator' ? digits.generator : digits.tokenizerModel;
        await exportPytorch(digits, part, temporary(`${part}.pt`));
        await exportSafetensors(digits, part, temporary(`${part}.safetensors`));
        expectSameTensors((await openPytorch(temporary(`${part}.pt`))).tensors, weights);
        const { tensors, metadata } = openSafetensors(temporary(`${part}.safetensors`));
        expectSameTensors(tensors, weights);
        expect(metadata.format).to.equal('pt');
        expect(JSON.parse(metadata.config!)).to.have.property(part === 'generator' ? 'n_layer' : 'ch_mult');
      });

    it('another precision is converted', async () => {
      await exportPytorch(tiny, 'generator', temporary('half.pt'), 'fp16');
      const half = (await openPytorch(temporary('half.pt'))).tensors.get('head.weight')!;
      expect(half.dtype).to.equal('f16');
      const exact = readFloats(tiny.generator.weights.get('head.weight')!);
      for (const [index, value] of readFloats(half).entries())
        expect(value).to.be.closeTo(exact[index]!, Math.abs(exact[index]!) * 2 ** -11 + 1e-7);
    });

    it('import → export → import is bit-exact through the commands', () => {
      const folder = (name: string) => temporary(`trip/${name}`);
      mkdirSync(temporary('trip'));
      const run = (args: string) => {
        const { code, errors } = arpg(args.split(' '));
        expect([code, errors.includes('arpg:')], errors).to.deep.equal([0, false]);
      };
      const config = `--config ${goldenPath('arpg-tiny.json')}`;
      run(`import ${goldenPath('arpg-tiny.pt')} ${config} -o ${folder('first')}`);
      for (const format of ['pt', 'safetensors']) {
        run(`export --model ${folder('first')} --format ${format} -o ${folder(`again.${format}`)}`);
        run(
          `import ${folder(`again.${format}`)} --config ${folder('first')}/config.json -o ${folder(format)}`,
        );
        for (const file of ['config.json', 'model.safetensors'])
          expect(
            readFileSync(`${folder(format)}/${file}`).equals(readFileSync(`${folder('first')}/${file}`)),
          ).to.equal(true);
      }
    });
  });

  describe('gpujs', () => {
    it("draws the tokens of arpg sample, of a class and of a group's, and names classes for an unknown one", async () => {
      await writeEditableModel(temporary('editable'));
      const plain = await load(temporary('editable'), { target: 'onnx' });
      const numbered = Array.from({ length: 9 }, (_, index) => `${index < 5 ? 'low' : 'high'}/${index}`);
      const labels = [...numbered, '3, tres'];
      await writeModelFolder(temporary('grouped'), {
        generator: { ...plain.generator, labels },
        tokenizer: plain.tokenizerModel,
      });
      const model = await load(temporary('grouped'), { target: plain.target });
      writeFileSync(temporary('page.mjs'), await exportGpujs(model, { mode: 'cpu', steps: 3 }));
      const page = (await import(temporary('page.mjs'))) as {
        load(gpu: unknown): {
          sample(options: object): Promise<{ tokens: Int32Array }>;
        };
      };
      const drawing = page.load(createRequire(import.meta.url)('gpu.js'));
      for (const wanted of ['high/7', 'low', 'high', '3', 3, '7', ' 3 ', 'HIGH/7', 'Low', 'TRES']) {
        const { tokens } = await drawing.sample({ class: wanted, seed: 4 });
        const { pictures } = await sampleTokens(model, { classes: [wanted], seed: 4, steps: 3 });
        expect(tokens, String(wanted)).to.deep.equal(pictures[0]!.codes.tokens);
      }
      const failure = await drawing.sample({ class: 'lowest', seed: 4 }).catch((error: Error) => error);
      expect((failure as Error).message).to.include('class lowest is unknown; there are 10: low, high');
      for (const wanted of [10, -1, 3.5, Number.NaN, '10', '', undefined, null, true]) {
        const refused = await drawing.sample({ class: wanted, seed: 4 }).catch((error: Error) => error);
        expect((refused as Error).message).to.include(`class ${wanted} is unknown`);
        expect(refused).to.be.instanceOf(RangeError);
        const [failed] = await Promise.allSettled([
          sampleTokens(model, { classes: [(wanted ?? Number.NaN) as number], seed: 4 }),
        ]);
        expect(failed.status).to.equal('rejected');
      }
      const [half, full] = [{ class: 3 }, { class: 3, seed: 4 }];
      for (const [options, message] of [
        [{ ...half, seed: -1 }, 'seed -1 is not'],
        [{ ...half, seed: 1.5 }, 'seed 1.5 is not'],
        [{ ...half, seed: Number.NaN }, 'seed NaN is not'],
        [{ ...half, seed: '4' }, 'seed 4 is not'],
        [{ ...half, seed: null }, 'seed null is not'],
        [{ ...full, guidance: -1 }, 'guidance -1 is not'],
        [{ ...full, guidance: Number.NaN }, 'guidance NaN is not'],
        [{ ...full, guidance: '2' }, 'guidance 2 is not'],
        [{ ...full, temperature: -0.5 }, 'temperature -0.5 is not'],
        [{ ...full, temperature: Number.NaN }, 'temperature NaN is not'],
        [{ ...full, temperature: Number.POSITIVE_INFINITY }, 'temperature Infinity is not'],
      ] as const) {
        const refused = await drawing.sample(options).catch((error: Error) => error);
        expect(refused).to.be.instanceOf(RangeError);
        expect((refused as Error).message).to.include(message);
        const library = { steps: 3, ...options, classes: [3] } as unknown as SampleOptions;
        const same = await sampleTokens(model, library).catch((error: Error) => error);
        expect((same as Error).message).to.include(message);
      }
      await Promise.all([plain.dispose(), model.dispose()]);
    });
  });

  describe('command', () => {
    const run = (...args: readonly string[]) => arpg(['export', ...args]);

    it('warns that the official code leaves out absolute positions, where weights have them', () => {
      for (const [model, part, warned] of [
        ['digits', 'generator', true],
        ['digits', 'tokenizer', false],
        ['tiny', 'generator', false],
      ] as const) {
        const output = temporary(`${model}-${part}.pt`);
        const { code, errors } = run('--model', model, '--part', part, '--format', 'pt', '-o', output);
        expect([code, errors.includes('official code leaves out')], errors).to.deep.equal([0, warned]);
      }
    });

    it('writes what the formats are, and reports with --json', () => {
      const dot = run('--format', 'dot', '--model', 'ARPG-L', '-o', '-');
      expect(dot.text).to.match(/^digraph "arpg-step"/);
      const json = JSON.parse(run('--format', 'json', '--graph', 'decoder', '-o', '-').text);
      expect(json).to.have.property('name', 'vq-decoder');
      const report = run('--format', 'onnx', '--graph', 'encoder', '-o', temporary('e.onnx'), '--json');
      expect(JSON.parse(report.text)).to.deep.equal({ format: 'onnx', files: [temporary('e.onnx')] });
      const page = run('--format', 'gpujs', '--model', 'digits', '--steps', '3', '-o', '-');
      expect(page.text).to.match(/^\/\/ digits: ARPG for pages, drawn in 3 steps \(arccos\)/);
      const usual = run('--format', 'gpujs', '--model', 'tiny', '-o', '-');
      expect(usual.text).to.include('drawn in 16 steps (arccos)');
      expect(page.text).to.include('export const load');
      expect(page.text).to.not.match(/^\s*import |require\(/m);
    }).timeout(120_000);

    it('refuses what makes no sense in one line, and leaves nothing behind', () => {
      const refused: readonly (readonly [number, string, readonly string[]])[] = [
        [2, 'format', ['-o', temporary('x')]],
        [2, '--part', ['--format', 'onnx', '--part', 'tokenizer', '-o', temporary('x')]],
        [2, '--mode', ['--format', 'pt', '--mode', 'cpu', '-o', temporary('x')]],
        [2, 'int8', ['--format', 'pt', '--precision', 'int8', '-o', temporary('x')]],
        [2, 'int4', ['--format', 'safetensors', '--precision', 'int4', '-o', temporary('x')]],
        [2, '--graph train', ['--format', 'onnx', '--graph', 'train', '-o', temporary('x')]],
        [2, 'writes files', ['--format', 'onnx', '-o', '-']],
        [2, '16 tokens', ['--format', 'gpujs', '--steps', '17', '-o', temporary('x')]],
        [3, 'no such model', ['--format', 'pt', '--model', temporary('none'), '-o', temporary('x')]],
        [5, 'not a folder', ['--format', 'pt', '-o', temporary('page.mjs/x')]],
      ];
      for (const [code, text, args] of refused) {
        const { code: actual, errors } = run(...args);
        expect([actual, errors.trim().split('\n').length], errors).to.deep.equal([code, 1]);
        expect(errors).to.include(text);
      }
      expect(existsSync(temporary('x'))).to.equal(false);
      writeFileSync(temporary('there'), '');
      expect(run('--format', 'onnx', '-o', temporary('there')).code).to.equal(5);
    }).timeout(120_000);
  });
});
