/**
 * The gpujs target against naive kernels of the same backend, in one process, alternating:
 * `node dist/bench/gpujs.js [webasm|webgpu|cpu] [ROWS] [SIZE]`
 *
 * 1. A matrix product ROWS × SIZE × SIZE: one dot product per thread, each call by itself, as gpu.js' own examples
 *    write it, against the target.
 * 2. A decode step of a small ARPG: kernels before and after fusion, against every operation as a kernel called by
 *    itself, and the share of time spent outside the kernels' arithmetic (the time of a step whose layers are as many
 *    but tiny).
 */
import { type ArpgConfig, arpgStep, cacheNames } from '../graphs/arpg.js';
import { input, makeGraph, matmul, parameter } from '../src/dsl/index.js';
import { countElements } from '../src/graph/dimension.js';
import { type Graph, parametersOf } from '../src/graph/graph.js';
import { storedFloats, type Weights } from '../src/graph/weights.js';
import { BACKENDS, type GpuMode, loadGpuJs } from '../src/targets/gpujs/gpuModes.js';
import { compileForKernels, gpujsTarget, MODE_LIMITS } from '../src/targets/gpujs/gpujsTarget.js';
import { hostBuffer } from '../src/targets/gpujs/gpuMemory.js';
import { createKernelRunner, type GpuValue } from '../src/targets/gpujs/kernelRunner.js';
import { lowerToKernels } from '../src/targets/gpujs/lowerToKernels.js';
import { floatTensor, type HostTensor, intTensor } from '../src/targets/target.js';

const [mode = 'webasm', rowsText = '64', sizeText = '512'] = process.argv.slice(2);
const [rows, size] = [Number(rowsText), Number(sizeText)];
const ROUNDS = 7;

function randomFloats(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * 12.9898) * 0.1);
}

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

/** The best of several rounds in which the candidates alternate. */
async function compare(
  candidates: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Readonly<Record<string, number>>> {
  const best: Record<string, number> = {};
  for (const [name, run] of Object.entries(candidates)) {
    await run();
    best[name] = Number.POSITIVE_INFINITY;
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(candidates))
      best[name] = Math.min(best[name]!, await seconds(run));
  return best;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function benchMatmul(): Promise<void> {
  const { GPU, input: gpuInput } = loadGpuJs();
  const target = await gpujsTarget({ mode: mode as GpuMode });
  const [a, b] = [randomFloats(rows * size), randomFloats(size * size)];
  const naiveSource = `function (a, b) {
    let sum = 0;
    for (let i = 0; i < ${size}; i++) sum += a[this.thread.y][i] * b[i][this.thread.x];
    return sum;
  }`;
  const gpu = new GPU({ mode: BACKENDS[mode as GpuMode] as never });
  const settings = { output: [size, rows], loopMaxIterations: size + 1, asyncMode: true };
  const naive = gpu.createKernel(naiveSource as never, settings as never) as unknown as (
    ...args: unknown[]
  ) => Promise<unknown>;
  const x = input('x', 'f32', [rows, size]);
  const w = parameter('w', [size, size], { kind: 'zeros' });
  const graph = makeGraph('product', [x], { y: matmul(x, w) });
  const weights: Weights = new Map([['w', storedFloats([size, size], b)]]);
  const executable = await target.compile(graph, { weights });
  const [naiveA, naiveB] = [gpuInput(a, [size, rows]), gpuInput(b, [size, size])];
  const times = await compare({
    naive: () => naive(naiveA, naiveB),
    target: async () => (await executable.run({ x: floatTensor([rows, size], a) })).y!.read(),
  });
  const flops = 2 * rows * size * size;
  for (const [name, time] of Object.entries(times))
    print(
      `matmul ${rows}×${size}×${size} ${name}: ${(time * 1000).toFixed(2)} ms, ${(flops / time / 1e9).toFixed(2)} GFLOP/s`,
    );
  print(`ratio: ${(times.naive! / times.target!).toFixed(2)}×`);
  await executable.dispose();
  await gpu.destroy();
}

const LAYERS = 8;

function decodeConfig(dim: number): ArpgConfig {
  return {
    dim,
    layers: LAYERS,
    heads: 4,
    vocabularySize: 2 * dim,
    classes: 10,
    grid: { height: 8, width: 8 },
    multipleOf: dim / 4,
    ropeBase: 10000,
    normEpsilon: 1e-5,
    absolutePositions: false,
  };
}

const DECODE_DIM = 256;
/** Small enough that launching the kernels is all the work. */
const TINY_DIM = 16;

async function decodeStep(dim: number, fuse: boolean): Promise<() => Promise<void>> {
  const config = decodeConfig(dim);
  const graph = arpgStep(config);
  const weights = randomWeights(graph);
  const executable = await (await gpujsTarget({ mode: mode as GpuMode, fuse })).compile(graph, { weights });
  const inputs = decodeInputs(config);
  return async () => {
    const outputs = await executable.run(inputs);
    await outputs.logits!.read();
    for (const tensor of Object.values(outputs)) tensor.dispose();
  };
}

function decodeInputs(config: ArpgConfig): Readonly<Record<string, HostTensor>> {
  const cacheShape = [SIZES.batch, config.heads, SIZES.past, config.dim / config.heads];
  const inputs: Record<string, HostTensor> = {
    content_ids: intTensor([2, 4], [1, 2, 3, 4, 1, 2, 3, 4]),
    content_positions: intTensor([2, 4], [1, 2, 3, 4, 1, 2, 3, 4]),
    query_positions: intTensor([2, 4], [5, 6, 7, 8, 5, 6, 7, 8]),
  };
  for (const { past } of cacheNames(config))
    inputs[past] = floatTensor(cacheShape, randomFloats(countElements(cacheShape)));
  return inputs;
}

const SIZES = { batch: 2, content: 4, queries: 4, past: 28 };

function randomWeights(graph: Graph): Weights {
  return new Map(
    parametersOf(graph).map((node) => {
      const shape = node.outputs[0]!.shape as readonly number[];
      return [node.name, storedFloats(shape, randomFloats(countElements(shape)))];
    }),
  );
}

async function benchDecodeStep(): Promise<void> {
  const graph = arpgStep(decodeConfig(DECODE_DIM));
  const compiled = compileForKernels(graph, mode as GpuMode, randomWeights(graph));
  const limits = MODE_LIMITS[mode as GpuMode];
  const [fused, unfused] = [true, false].map((fuse) => lowerToKernels(compiled, SIZES, { ...limits, fuse }));
  print(
    `decode step, dim ${DECODE_DIM}, ${LAYERS} layers: ${unfused!.steps.length} kernels before fusion, ${fused!.steps.length} after`,
  );
  const times = await compare({
    naive: await decodeStep(DECODE_DIM, false),
    target: await decodeStep(DECODE_DIM, true),
    launches: await decodeStep(TINY_DIM, true),
  });
  const flops = fused!.steps.reduce((sum, step) => sum + step.flops, 0);
  for (const name of ['naive', 'target'] as const)
    print(
      `decode step ${name}: ${(times[name]! * 1000).toFixed(1)} ms, ${(flops / times[name]! / 1e9).toFixed(2)} GFLOP/s`,
    );
  print(`ratio: ${(times.naive! / times.target!).toFixed(2)}×`);
  print(
    `launches: ${(times.launches! * 1000).toFixed(1)} ms, ${Math.round((100 * times.launches!) / times.target!)} % of the step`,
  );
}

/** Where the time of a decode step goes, by the operations in a kernel. */
async function profileDecodeStep(): Promise<void> {
  const config = decodeConfig(DECODE_DIM);
  const graph = arpgStep(config);
  const weights = randomWeights(graph);
  const plan = lowerToKernels(
    compileForKernels(graph, mode as GpuMode, weights),
    SIZES,
    MODE_LIMITS[mode as GpuMode],
  );
  const times = new Map<string, number>();
  const runner = createKernelRunner({
    library: loadGpuJs(),
    mode: mode as GpuMode,
    backend: BACKENDS[mode as GpuMode],
    weights,
    allowFallback: false,
    resident: true,
    onStep: (step, milliseconds) => {
      const kind = step.covers.some((name) => name.endsWith('matmul'))
        ? 'matmul'
        : step.covers[0]!.split('/').at(-1)!;
      times.set(kind, (times.get(kind) ?? 0) + milliseconds);
    },
  });
  const inputs: Record<string, GpuValue> = {};
  for (const [name, tensor] of Object.entries(decodeInputs(config)))
    inputs[name] = await runner.upload(hostBuffer(tensor.shape, tensor.data, name));
  await runner.run(plan, inputs);
  times.clear();
  for (let round = 0; round < ROUNDS; round++) await runner.run(plan, inputs);
  const total = [...times.values()].reduce((a, b) => a + b, 0);
  const shares = [...times]
    .sort((a, b) => b[1] - a[1])
    .map(([kind, time]) => `${kind} ${Math.round((100 * time) / total)} %`);
  print(`profile: ${shares.slice(0, 6).join(', ')}`);
  await runner.dispose();
}

await benchMatmul();
await benchDecodeStep();
if (mode !== 'webgpu') await profileDecodeStep();
process.exit(0);
