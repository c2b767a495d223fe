import { expect } from 'chai';
import { arpgStep } from '../../graphs/arpg.js';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import * as op from '../../src/dsl/index.js';
import { TargetError } from '../../src/errors.js';
import { countElements } from '../../src/graph/dimension.js';
import { GraphError } from '../../src/graph/graphError.js';
import { reshapeIndex, unflattenIndex } from '../../src/graph/indexExpression.js';
import { storedFloats } from '../../src/graph/weights.js';
import { BACKENDS, chooseMode, loadGpuJs } from '../../src/targets/gpujs/gpuModes.js';
import { compileForKernels, gpujsTarget, MODE_LIMITS } from '../../src/targets/gpujs/gpujsTarget.js';
import { bufferLayout, type KernelPlan } from '../../src/targets/gpujs/kernelPlan.js';
import { createKernelRunner } from '../../src/targets/gpujs/kernelRunner.js';
import { LeastRecentlyUsed } from '../../src/targets/gpujs/leastRecentlyUsed.js';
import { lowerToKernels } from '../../src/targets/gpujs/lowerToKernels.js';
import { type DeviceTensor, floatTensor } from '../../src/targets/target.js';
import { floats, webGpu } from '../support/conformance.js';
import { goldenJson } from '../support/golden.js';

const batch = op.dim('batch');
const x = op.input('x', 'f32', [batch, 8]);
const limits = MODE_LIMITS.cpu;

function plan(y: op.Tensor, inputs: readonly op.Tensor[] = [x]): KernelPlan {
  return lowerToKernels(op.makeGraph('g', inputs, { y }), { batch: 4 }, limits);
}

describe('index arithmetic', () => {
  const evaluate = (expression: string, names: Readonly<Record<string, number>>): number =>
    new Function(...Object.keys(names), `return ${expression};`)(...Object.values(names)) as number;

  it('finds the same element under another shape', () => {
    const shapes = [[24], [2, 12], [4, 6], [2, 3, 4], [1, 24, 1], [4, 1, 3, 2], [2, 2, 2, 3], [3, 8]];
    for (const from of shapes) {
      for (const to of shapes) {
        for (let flat = 0; flat < 24; flat++) {
          const index = unflattenIndex(String(flat), to, (e) => e);
          const symbols = Object.fromEntries(index.map((place, axis) => [`p${axis}`, evaluate(place, {})]));
          const found = reshapeIndex(Object.keys(symbols), to, from, (e) => e).map((e) =>
            evaluate(e, symbols),
          );
          const position = found.reduce((sum, place, axis) => sum * from[axis]! + place, 0);
          expect(position, `${to.join('×')} → ${from.join('×')}`).to.equal(flat);
        }
      }
    }
  });

  it('lays out every element once', () => {
    for (const shape of [[3, 5], [2, 3, 64], [100], [], [2, 33, 1], [1, 1, 7]]) {
      const { rows, columns } = bufferLayout(shape);
      expect(rows * columns).to.equal(countElements(shape));
    }
  });
});

describe('kernel plans', () => {
  it('views need no kernel of their own', () => {
    const view = op.transpose(
      op.reshape(op.slice(x, { axis: 1, start: 2, length: 6 }), [batch, 3, 2]),
      [0, 2, 1],
    );
    expect(plan(op.exp(view)).steps).to.have.length(1);
  });

  it('element-wise chains join into one kernel, before and after a product', () => {
    expect(plan(op.multiply(op.add(op.exp(x), 1), op.negate(x))).steps).to.have.length(1);
    const w = op.parameter('w', [8, 8], { kind: 'zeros' });
    const residual = op.add(x, op.matmul(x, w));
    const { steps } = plan(residual);
    expect(steps[0]!.covers).to.deep.equal(['add', 'matmul']);
    expect(steps).to.have.length(2);
    expect(steps[1]!.covers).to.deep.equal(['copy to plain order']);
  });

  it('a gated feed-forward computes both products in one kernel', () => {
    const [a, b] = ['a', 'b'].map((name) => op.parameter(name, [8, 8], { kind: 'zeros' })) as [
      op.Tensor,
      op.Tensor,
    ];
    const gated = op.multiply(op.silu(op.matmul(x, a)), op.matmul(x, b));
    expect(plan(gated).steps[0]!.covers).to.have.members(['multiply', 'silu', 'matmul']);
  });

  it('neighbouring rows are computed by one thread and share what they read', () => {
    const w = op.parameter('w', [8, 8], { kind: 'zeros' });
    const { layout, source } = plan(op.matmul(x, w)).steps[0]!;
    expect(layout.lanes).to.equal(4);
    expect(source.match(/= a1\[/g)).to.have.length(4);
    expect(source.match(/= a0\[/g)).to.have.length(16);
  });

  it('buffers are released after their last reader', () => {
    const sums = op.sum(op.exp(x), { axes: [1], keepDims: true });
    const { steps, releases } = plan(op.multiply(x, sums));
    expect(releases.flat()).to.deep.equal([0]);
    expect(steps).to.have.length(2);
  });

  it('an operation that reads more arrays than a kernel can is split, or named', () => {
    const inputs = Array.from({ length: 12 }, (_, index) => op.input(`i${index}`, 'f32', [4]));
    const total = inputs.reduce((sum, input) => op.add(sum, input));
    const graph = op.makeGraph('wide', inputs, { y: total });
    const { steps } = lowerToKernels(graph, {}, { ...limits, maxReads: 4 });
    expect(Math.max(...steps.map(({ reads }) => reads.length))).to.be.at.most(4);
    const [a, b] = inputs as [op.Tensor, op.Tensor];
    const sum = op.makeGraph('sum', [a, b], { y: op.add(a, b) });
    expect(() => lowerToKernels(sum, {}, { ...limits, maxReads: 1 })).to.throw(
      GraphError,
      "'add' reads 2 arrays",
    );
  });

  it('fusion halves the kernels of a sampling step', () => {
    const config = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'tiny'));
    const compiled = compileForKernels(arpgStep(config), 'webgpu');
    const sizes = { batch: 2, content: 2, queries: 3, past: 4 };
    const fused = lowerToKernels(compiled, sizes, MODE_LIMITS.webgpu).steps.length;
    const unfused = lowerToKernels(compiled, sizes, { ...MODE_LIMITS.webgpu, fuse: false }).steps.length;
    expect(fused).to.be.below(unfused * 0.6);
  });
});

describe('gpujs target', () => {
  it('a kernel that runs in another mode is an error unless that is allowed', async () => {
    const step = {
      source: 'function (a0) {\n  return a0[this.thread.y][this.thread.x];\n}',
      reads: [{ kind: 'input', name: 'x' }],
      layout: bufferLayout([4]),
      tensor: x,
      covers: ['test'],
      flops: 0,
    } as const;
    const bad: KernelPlan = { steps: [step], outputs: { y: { kind: 'step', step: 0 } }, releases: [[]] };
    // WebAssembly kernels take no textures, so gpu.js runs this one as JavaScript.
    const texture = { type: 'NumberTexture', size: [4, 1, 1], output: [4, 1], toArray: () => [[1, 2, 3, 4]] };
    const input = { argument: texture, read: async () => new Float32Array(4), release() {} };
    const run = async (allowFallback: boolean) => {
      const runner = createKernelRunner({
        library: loadGpuJs(),
        mode: 'webasm',
        backend: BACKENDS.webasm,
        weights: new Map(),
        allowFallback,
        resident: true,
      });
      try {
        return await runner.run(bad, { x: input });
      } finally {
        await runner.dispose();
      }
    };
    const failure = await run(false).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(TargetError);
    expect((failure as Error).message)
      .to.include("'cpu'")
      .and.include('--allow-fallback');
    const [result] = (await run(true)).values();
    expect(Array.from(await result!.read())).to.deep.equal([1, 2, 3, 4]);
  });

  it('a mode that does not work here says why', async () => {
    const failure = await chooseMode('webgl').catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(TargetError);
    expect((failure as Error).message)
      .to.include('gpujs:webgl')
      .and.include("'gl'");
  });

  it('the same kernels serve any number of sizes without being kept for ever', async () => {
    let evicted = 0;
    const store = new LeastRecentlyUsed<number>(3, () => evicted++);
    for (let index = 0; index < 10; index++) store.get(String(index % 5), () => index);
    expect(store.size).to.equal(3);
    expect(evicted).to.equal(7);
    const executable = await (await gpujsTarget({ mode: 'cpu' })).compile(
      op.makeGraph('g', [x], { y: op.softmax(x) }),
    );
    for (let size = 1; size <= 40; size++) {
      const { y } = await executable.run({ x: floats([size, 8]) });
      const data = (await y!.read()).data as Float32Array;
      expect(data).to.have.length(size * 8);
      for (let row = 0; row < size; row++)
        expect(data.subarray(row * 8, row * 8 + 8).reduce((a, b) => a + b)).to.be.closeTo(1, 1e-5);
    }
    await executable.dispose();
  });

  it('results stay usable as inputs of the next run', async () => {
    const graph = op.makeGraph('g', [x], { y: op.multiply(x, 2) });
    for (const mode of ['cpu', 'webasm', ...(webGpu.usable ? (['webgpu'] as const) : [])] as const) {
      const executable = await (await gpujsTarget({ mode })).compile(graph);
      const first = await executable.run({ x: floatTensor([1, 8], [1, 2, 3, 4, 5, 6, 7, 8]) });
      const second = await executable.run({ x: first.y! });
      expect(Array.from((await second.y!.read()).data), mode).to.deep.equal([4, 8, 12, 16, 20, 24, 28, 32]);
      await executable.dispose();
    }
  });

  it('an output is freed by itself: its twin, a constant, the given input and later runs keep theirs', async () => {
    const weight = op.parameter('weight', [8], { kind: 'zeros' });
    const doubled = op.multiply(x, 2);
    const graph = op.makeGraph('g', [x], { a: doubled, b: doubled, x, weight, y: op.add(doubled, weight) });
    const weights = new Map([['weight', storedFloats([8], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8))]]);
    for (const mode of ['cpu', 'webasm', ...(webGpu.usable ? (['webgpu'] as const) : [])] as const) {
      const executable = await (await gpujsTarget({ mode })).compile(graph, { weights });
      const { y: given } = await executable.run({ x: floatTensor([1, 8], [1, 1, 1, 1, 1, 1, 1, 1]) });
      for (let run = 0; run < 2; run++) {
        const { a, b, x: same, weight: constant } = await executable.run({ x: given! });
        const read = async (tensor: DeviceTensor | undefined) => Array.from((await tensor!.read()).data);
        a!.dispose();
        a!.dispose();
        expect(await read(b), mode).to.deep.equal([6, 8, 10, 12, 14, 16, 18, 20]);
        b!.dispose();
        same!.dispose();
        expect(await read(given), mode).to.deep.equal([3, 4, 5, 6, 7, 8, 9, 10]);
        expect(await read(constant), mode).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
        constant!.dispose();
      }
      given!.dispose();
      await executable.dispose();
    }
  });

  it('WebGPU answers here', function () {
    if (!webGpu.usable) this.skip();
    expect(webGpu.detail).to.match(/^WebGPU on /);
  });
});
