import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { cacheNames } from '../../graphs/arpg.js';
import { arpgConfig } from '../support/arpg.js';
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
  sample,
} from '../../src/index.js';
import { loadOnnxRuntime } from '../../src/targets/onnx/onnxRuntime.js';
import { floatTensor, intTensor } from '../../src/targets/target.js';
import { CHROMIUM, runPage } from '../support/browser.js';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A Python of this machine that has a module; undefined where there is none. */
function pythonWith(module: string, env = process.env): string | undefined {
  return ['python3', '/usr/bin/python3'].find(
    (python) => spawnSync(python, ['-c', `import ${module}`], { env }).status === 0,
  );
}

/** For the checker alone: where .ci/run puts it, if it does. */
const checkerEnv = { ...process.env, PYTHONPATH: process.env.ONNX_CHECKER_PATH ?? process.env.PYTHONPATH };

describe('exported models elsewhere', () => {
  const temporary = temporaryFolder();
  let model: Model;
  before(async () => {
    model = await load('digits', { target: 'onnx' });
  });
  after(() => model.dispose());

  describe('in PyTorch', () => {
    const python = pythonWith('torch');
    before(function () {
      // Reported as skipped where python3-torch is not installed.
      if (!python) this.skip();
    });

    /** Logits of one sampling step on the onnx target. */
    const ours = async (
      positions: readonly number[],
      tokens: readonly number[],
      queries: readonly number[],
    ) => {
      const { generator } = model;
      const config = arpgConfig(generator.config);
      const { arpgStep } = await import('../../graphs/arpg.js');
      const executable = await model.target.compile(arpgStep(config), { weights: generator.weights });
      const content = [config.vocabularySize + 1 + 3, ...tokens];
      const empty = floatTensor([1, config.heads, 0, config.dim / config.heads], []);
      const { logits } = await executable.run({
        content_ids: intTensor([1, content.length], content),
        content_positions: intTensor([1, content.length], [0, ...positions.map((position) => position + 1)]),
        query_positions: intTensor(
          [1, queries.length],
          queries.map((position) => position + 1),
        ),
        ...Object.fromEntries(cacheNames(config).map(({ past }) => [past, empty])),
      });
      const { data } = await logits!.read();
      await executable.dispose();
      return data as Float32Array;
    };

    for (const format of ['pt', 'safetensors'] as const)
      it(`a forward pass written from the paper gives the same logits from the exported .${format}`, async () => {
        const checkpoint = temporary(`digits.${format}`);
        if (format === 'pt') await exportPytorch(model, 'generator', checkpoint);
        else await exportSafetensors(model, 'generator', checkpoint);
        const known = { positions: [5, 14, 12], tokens: [1, 7, 30] };
        const queries = [0, 6, 9, 15];
        const request = {
          checkpoint,
          format,
          config: model.generator.config,
          class_id: 3,
          ...known,
          queries,
        };
        const { stdout, stderr, status } = spawnSync(python!, [`${root}test/slow/torchForward.py`], {
          input: JSON.stringify(request),
          maxBuffer: 1 << 28,
        });
        expect(status, stderr.toString()).to.equal(0);
        const theirs = (JSON.parse(stdout.toString()).logits as number[][]).flat();
        const expected = await ours(known.positions, known.tokens, queries);
        expect(theirs).to.have.length(expected.length);
        for (const [index, value] of theirs.entries()) expect(value).to.be.closeTo(expected[index]!, 2e-4);
      });
  });

  describe("by ONNX' own checker", () => {
    const python = pythonWith('onnx', checkerEnv);
    before(function () {
      // Reported as skipped where Python's onnx package is not installed.
      if (!python) this.skip();
    });

    it('every graph in every precision keeps the rules, shapes included', async () => {
      for (const precision of PRECISIONS) {
        const folder = temporary(`checked-${precision}`);
        await exportOnnxFolder(model, folder, { precision });
        for (const name of onnxGraphsOf(model)) {
          const check = `import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)`;
          const { status, stderr } = spawnSync(python!, ['-c', check, `${folder}/${name}.onnx`], {
            env: checkerEnv,
          });
          expect(status, stderr.toString()).to.equal(0);
        }
      }
    });
  });

  describe('in a page of headless Chromium', () => {
    before(function () {
      // Reported as skipped where no Chromium is installed.
      if (!CHROMIUM) this.skip();
    });

    for (const mode of ['webgl', 'cpu'] as const)
      it(`gpu.js in its mode ${mode} draws the picture that the command draws, and shows it`, async () => {
        mkdirSync(temporary(mode));
        writeFileSync(temporary(`${mode}/digits.js`), await exportGpujs(model, { mode, steps: 6 }));
        const page = `<canvas id="canvas"></canvas>
          <script src="/gpu.js/gpu-browser.min.js"></script>
          <script type="module">
            import { labels, load } from '/model/digits.js';
            const model = load(GPU);
            const picture = await model.sample({ class: '3', seed: 1 });
            const canvas = document.getElementById('canvas');
            Object.assign(canvas, { width: picture.width, height: picture.height });
            const context = canvas.getContext('2d');
            context.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
            const shown = context.getImageData(0, 0, picture.width, picture.height).data;
            window.result = { labels, tokens: [...picture.tokens], shown: [...shown] };
          </script>`;
        const result = (await runPage(page, {
          '/gpu.js/': `${root}node_modules/gpu.js/dist/`,
          '/model/': temporary(mode),
        })) as { labels: string[]; tokens: number[]; shown: number[] };
        const { pictures } = await sample(model, { classes: ['3'], seed: 1, steps: 6 });
        const [{ image, codes }] = pictures as [(typeof pictures)[0]];
        expect(result.labels).to.deep.equal(model.generator.labels);
        expect(result.tokens).to.deep.equal(Array.from(codes.tokens));
        const differences = Array.from(image.data, (value, index) =>
          Math.abs(value - result.shown[Math.floor(index / 3) * 4 + (index % 3)]!),
        );
        // Float rounding may move a value across a whole number.
        expect(Math.max(...differences)).to.be.at.most(1);
      });

    it("onnxruntime-web's WebAssembly gives the logits of onnxruntime here", async () => {
      await exportOnnx(model, 'step', temporary('step.onnx'));
      const config = arpgConfig(model.generator.config);
      const pasts = cacheNames(config).map(({ past }) => past);
      const inputs = { content: config.vocabularySize + 1 + 3, queries: [1, 8, 16] };
      const page = `<script type="module">
          import * as ort from '/ort/ort.wasm.min.mjs';
          ort.env.wasm.numThreads = 1;
          const session = await ort.InferenceSession.create('/model/step.onnx');
          const ids = (values) => new ort.Tensor('int32', Int32Array.from(values), [1, values.length]);
          const empty = new ort.Tensor('float32', new Float32Array(0), [1, ${config.heads}, 0, ${config.dim / config.heads}]);
          const feeds = { content_ids: ids([${inputs.content}]), content_positions: ids([0]), query_positions: ids(${JSON.stringify(inputs.queries)}) };
          for (const name of ${JSON.stringify(pasts)}) feeds[name] = empty;
          const { logits } = await session.run(feeds);
          window.result = { dims: [...logits.dims], values: [...logits.data] };
        </script>`;
      const result = (await runPage(page, {
        '/ort/': `${root}node_modules/onnxruntime-web/dist/`,
        '/model/': temporary(''),
      })) as { dims: number[]; values: number[] };
      expect(result.dims).to.deep.equal([1, 3, config.vocabularySize]);
      const ort = loadOnnxRuntime();
      const session = await ort.InferenceSession.create(readFileSync(temporary('step.onnx')));
      const ids = (values: readonly number[]) =>
        new ort.Tensor('int32', Int32Array.from(values), [1, values.length]);
      const empty = new ort.Tensor('float32', new Float32Array(0), [
        1,
        config.heads,
        0,
        config.dim / config.heads,
      ]);
      const { logits } = await session.run({
        content_ids: ids([inputs.content]),
        content_positions: ids([0]),
        query_positions: ids(inputs.queries),
        ...Object.fromEntries(pasts.map((name) => [name, empty])),
      });
      for (const [index, value] of (logits!.data as Float32Array).entries())
        expect(result.values[index]).to.be.closeTo(value, 1e-4);
    });
  });
});
