/**
 * The products with weights of a picture's steps and nothing else (bench/compare.py): what no program on the same runtime
 * can go below. `node dist/bench/compare/floor.js FOLDER THREADS PRECISION`, then lines: `{"do": "picture", "pictures": 1,
 * "steps": 32}` for those of a picture, `{"do": "large"}` for the rate of one large product.
 * FOLDER holds a model in single precision; its weights' bytes stand for all others.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { openGenerator } from '../../src/models/modelFolder.js';
import { byteLength } from '../../src/graph/weights.js';
import type { GraphRun } from '../../src/sampling/plan.js';
import { loadOnnxRuntime } from '../../src/targets/onnx/onnxRuntime.js';
import { encodeOnnxModel } from '../../src/targets/onnx/onnxSchema.js';
import { answerLines, timed } from './answer.js';
import { type Product, productsOf } from './products.js';
import { activationName, type Precision, productsModel, weightBytes } from './productsModel.js';

interface Request {
  readonly do: 'picture' | 'large';
  readonly pictures: number;
  readonly steps: number;
}

/** Rows of each kind in a run. */
type Rows = Readonly<Record<string, number>>;

/** A product so large that it shows how many operations a second the runtime can reach at all. */
const LARGE: Product = { rows: 'content', inputs: 4096, outputs: 4096 };
const LARGE_ROWS = 512;
const LARGE_RUNS = 5;

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
if (start + weightBytes(products, precision) > Math.max(...files.map(({ end }) => end)))
  throw new Error(`${folder}: a model in single precision is needed`);
const ort = loadOnnxRuntime();

function createSession(of: readonly Product[]): Promise<InferenceSession> {
  const model = productsModel(of, precision, { location: 'model.safetensors', start });
  return ort.InferenceSession.create(encodeOnnxModel(model), {
    intraOpNumThreads: Number(threads),
    logSeverityLevel: 4,
    extra: { session: { model_external_initializers_file_folder_path: folder } },
  });
}

function activations(rows: number, columns: number): Tensor {
  const [shape, length] = [[rows, columns], rows * columns];
  return precision === 'int8'
    ? new ort.Tensor('uint8', new Uint8Array(length).fill(137), shape)
    : new ort.Tensor('float32', new Float32Array(length).fill(0.5), shape);
}

/** What a run is fed. */
function feedsOf(of: readonly Product[], rows: Rows): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    of.map((product) => [activationName(product), activations(rows[product.rows]!, product.inputs)]),
  );
}

function operationsOf(of: readonly Product[], rows: Rows): number {
  return of.reduce((sum, product) => sum + 2 * rows[product.rows]! * product.inputs * product.outputs, 0);
}

/** Operations, and bytes of weights, of the products that have the same rows. */
function work(rows: Rows): readonly object[] {
  return [...new Set(products.map((product) => product.rows))].map((kind) => {
    const own = products.filter((product) => product.rows === kind);
    return { operations: operationsOf(own, rows), bytes: weightBytes(own, precision) };
  });
}

/** The rows of each step of so many pictures with guidance. */
function plannedRows(pictures: number, steps: number): readonly Rows[] {
  const plan = system.plan(config, {
    grid,
    predicted: grid.height * grid.width,
    known: 0,
    steps,
    schedule: 'arccos',
    own: {},
    rows: 2 * pictures,
    isGuided: true,
  });
  const rowsOf = ({ sizes }: GraphRun): Rows =>
    Object.fromEntries(Object.entries(sizes).map(([symbol, size]) => [symbol, sizes.batch! * size]));
  return plan.steps.flatMap(({ runs }) => runs.map(rowsOf));
}

const session = await createSession(products);

async function timePicture({ pictures, steps }: Request): Promise<object> {
  const runs = plannedRows(pictures, steps);
  const feeds = runs.map((rows) => feedsOf(products, rows));
  const seconds = await timed(async () => {
    // Nothing but the last product is asked for; all are worked out.
    for (const own of feeds) await session.run(own, [`y${products.length - 1}`]);
  });
  return { ...seconds, work: runs.flatMap(work) };
}

async function timeLarge(): Promise<object> {
  const large = await createSession([LARGE]);
  const rows = { content: LARGE_ROWS };
  const feeds = feedsOf([LARGE], rows);
  const times: number[] = [];
  let cpu = 0;
  for (let run = 0; run < LARGE_RUNS; run++) {
    const seconds = await timed(() => large.run(feeds));
    times.push(seconds.wall);
    cpu += seconds.cpu;
  }
  await large.release();
  return { wall: times.reduce((a, b) => a + b), cpu, rate: operationsOf([LARGE], rows) / Math.min(...times) };
}

await answerLines<Request>((request) => (request.do === 'large' ? timeLarge() : timePicture(request)));
await session.release();
