/**
 * The products with weights of a picture's steps and nothing else (bench/compare.py): what no program on the same runtime
 * can go below. `node dist/bench/compare/floor.js FOLDER THREADS PRECISION`, then lines such as
 * `{"pictures": 1, "steps": 32}`. FOLDER holds a model in single precision; its weights' bytes stand for all others.
 */
import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import { openGenerator } from '../../src/models/modelFolder.js';
import { byteLength } from '../../src/graph/weights.js';
import { loadOnnxRuntime } from '../../src/targets/onnx/onnxRuntime.js';
import { encodeOnnxModel } from '../../src/targets/onnx/onnxSchema.js';
import { answerLines, timed } from './answer.js';
import { activationName, type Precision, productsModel, weightBytes } from './productsModel.js';
import { productsOf } from './products.js';

interface Request {
  readonly pictures: number;
  readonly steps: number;
}

const [folder = 'models/random', threads = '2', precision = 'fp32'] = process.argv.slice(2) as [
  string,
  string,
  Precision,
];
const { system, config, weights } = openGenerator(folder);
const { grid } = system.config.facts(config);
const products = productsOf(system.graphs(config).step!());
const files = [...weights.values()].flatMap(({ file, ...stored }) =>
  file ? [{ start: file.offset, end: file.offset + byteLength(stored) }] : [],
);
const start = Math.min(...files.map((part) => part.start));
const needed = weightBytes(products, precision);
if (start + needed > Math.max(...files.map(({ end }) => end)))
  throw new Error(`${folder}: a model in single precision is needed`);
const ort = loadOnnxRuntime();
const session = await ort.InferenceSession.create(
  encodeOnnxModel(productsModel(products, precision, { location: 'model.safetensors', start })),
  {
    intraOpNumThreads: Number(threads),
    logSeverityLevel: 4,
    extra: { session: { model_external_initializers_file_folder_path: join(folder) } },
  },
);

/** What a run is fed: activations of so many rows of each kind. */
function feedsOf(rows: Readonly<Record<string, number>>): Readonly<Record<string, Tensor>> {
  const make = (count: number, inputs: number) =>
    precision === 'int8'
      ? new ort.Tensor(
          'uint8',
          Uint8Array.from({ length: count * inputs }, (_, place) => place % 251),
          [count, inputs],
        )
      : new ort.Tensor(
          'float32',
          Float32Array.from({ length: count * inputs }, (_, place) => (place % 251) / 125 - 1),
          [count, inputs],
        );
  return Object.fromEntries(
    products.map((product) => [activationName(product), make(rows[product.rows]!, product.inputs)]),
  );
}

await answerLines<Request>(async ({ pictures, steps }) => {
  const plan = system.plan(config, {
    grid,
    predicted: grid.height * grid.width,
    known: 0,
    steps,
    schedule: 'arccos',
    own: {},
    rows: 2 * pictures,
  });
  const runs = plan.steps.flatMap((step) => step.runs);
  const feeds = runs.map(({ sizes }) =>
    feedsOf(
      Object.fromEntries(Object.entries(sizes).map(([symbol, size]) => [symbol, sizes.batch! * size])),
    ),
  );
  const operations = runs.reduce(
    (sum, { sizes }) =>
      sum +
      products.reduce(
        (ofRun, { rows, inputs, outputs }) => ofRun + 2 * sizes.batch! * sizes[rows]! * inputs * outputs,
        0,
      ),
    0,
  );
  const seconds = await timed(async () => {
    // Nothing but the last product is asked for; all are worked out.
    for (const own of feeds) await session.run(own, [`y${products.length - 1}`]);
  });
  return { ...seconds, operations, weightBytes: runs.length * needed };
});
await session.release();
