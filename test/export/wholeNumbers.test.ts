import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { readFloats } from '../../src/graph/weights.js';
import {
  exportGpujs,
  exportModelFolder,
  exportOnnx,
  exportSafetensors,
  load,
  type Model,
  sampleTokens,
  UsageError,
} from '../../src/index.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { decodeOnnxModel, ONNX_DATA_TYPES } from '../../src/targets/onnx/onnxSchema.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

describe('export of a model in whole numbers', () => {
  const temporary = temporaryFolder();
  let tiny: Model;
  const models = new Map<string, Model>();
  before(async () => {
    tiny = await load('tiny', { target: 'onnx' });
    for (const precision of ['int8', 'int4'] as const) {
      await exportModelFolder(tiny, temporary(precision), precision);
      models.set(precision, await load(temporary(precision), { target: 'onnx' }));
    }
  });
  after(() => Promise.all([tiny, ...models.values()].map((model) => model.dispose())));

  for (const [precision, other, type] of [
    ['int8', 'int4', ONNX_DATA_TYPES.int8],
    ['int4', 'int8', ONNX_DATA_TYPES.uint8],
  ] as const) {
    const typesOf = (path: string) =>
      new Set(decodeOnnxModel(readFileSync(path)).graph.initializer.map(({ dataType }) => dataType));
    const written = async (name: string, wanted?: Parameters<typeof exportOnnx>[3]) => {
      const path = temporary(`${precision}-${name}.onnx`);
      await exportOnnx(models.get(precision)!, 'step', path, wanted);
      return path;
    };

    it(`${precision}: ONNX keeps the numbers, in its own precision those that the first model gives`, async () => {
      expect(typesOf(await written('stored')).has(type)).to.equal(true);
      await exportOnnx(tiny, 'step', temporary(`direct-${precision}.onnx`), { precision });
      const again = readFileSync(await written('again', { precision }));
      expect(again.equals(readFileSync(temporary(`direct-${precision}.onnx`)))).to.equal(true);
    });

    it(`${precision}: where floats are asked for, ONNX has nothing else`, async () => {
      for (const float of ['fp32', 'fp16'] as const)
        expect(typesOf(await written(float, { precision: float })).has(type), float).to.equal(false);
    });

    it(`${precision}: other bits are refused in every format`, async () => {
      for (const format of ['onnx', 'model']) {
        const output = temporary(`refused-${precision}-${format}`);
        const flags = ['--format', format, '--precision', other, '-o', output];
        const { code, errors } = arpg(['export', '--model', temporary(precision), ...flags]);
        expect([code, errors.trim().split('\n').length]).to.deep.equal([2, 1]);
        expect(errors).to.include(`is stored in ${precision}: for ${other}, start from the model`);
        expect(() => readFileSync(output)).to.throw('ENOENT');
      }
      const refused = await written('other', { precision: other }).catch((error: Error) => error);
      expect(refused).to.be.instanceOf(UsageError);
    });

    it(`${precision}: safetensors hold the floats that the numbers stand for`, async () => {
      const model = models.get(precision)!;
      const path = temporary(`${precision}.safetensors`);
      await exportSafetensors(model, 'generator', path);
      const { tensors } = openSafetensors(path);
      expect([...tensors.keys()]).to.have.members([...model.generator.weights.keys()]);
      for (const [name, tensor] of model.generator.weights)
        expect([...readFloats(tensors.get(name)!)], name).to.deep.equal([...readFloats(tensor)]);
    });

    it(`${precision}: a page draws what the program draws`, async () => {
      const model = models.get(precision)!;
      writeFileSync(temporary(`${precision}.mjs`), await exportGpujs(model, { mode: 'cpu', steps: 2 }));
      const page = (await import(temporary(`${precision}.mjs`))) as {
        load(gpu: unknown): { sample(options: object): Promise<{ tokens: Int32Array }> };
      };
      const { tokens } = await page
        .load(createRequire(import.meta.url)('gpu.js'))
        .sample({ class: 1, seed: 4 });
      const { pictures } = await sampleTokens(model, { classes: [1], seed: 4, steps: 2 });
      expect([...tokens]).to.deep.equal([...pictures[0]!.codes.tokens]);
    });
  }
});
