import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import * as op from '../../src/dsl/index.js';
import { TargetError } from '../../src/errors.js';
import { GraphError } from '../../src/graph/graphError.js';
import { type Candidate, firstWorking } from '../../src/targets/autoTarget.js';
import { carriedOutputs, outputLocations } from '../../src/targets/onnx/deviceMemory.js';
import { emptyOperations } from '../../src/targets/onnx/emptyOperations.js';
import { inspectProvider, type ProviderSurroundings } from '../../src/targets/onnx/onnxProviders.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { resolveTarget } from '../../src/targets/resolveTarget.js';
import { passesSelfTest } from '../../src/targets/selfTest.js';
import { type DeviceTensor, floatTensor, type Target } from '../../src/targets/target.js';
import { type DeviceReport, mayHaveAdapter, mayHaveGpu } from '../../src/targets/webGpu.js';
import { adapterAnswers } from '../../src/targets/adapterProbe.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { onnxWebGpu } from '../support/conformance.js';

const REAL: DeviceReport = { usable: true, realGpu: true, detail: 'a card' };
const SOFTWARE: DeviceReport = { usable: true, realGpu: false, detail: 'WebGPU on SwiftShader' };

/** A target that gives other numbers than it should. */
const wrongTarget: Target = {
  ...referenceTarget,
  async compile(graph, options) {
    const executable = await referenceTarget.compile(graph, options);
    const moved = (tensor: DeviceTensor): DeviceTensor => ({
      ...tensor,
      dispose: () => tensor.dispose(),
      read: async () => {
        const { shape, data } = await tensor.read();
        return floatTensor(
          shape,
          Float32Array.from(data, (value) => value + 0.001),
        );
      },
    });
    return {
      dispose: () => executable.dispose(),
      run: async (inputs, outputs) =>
        Object.fromEntries(
          Object.entries(await executable.run(inputs, outputs)).map(([name, tensor]) => [
            name,
            name === 'y' ? moved(tensor) : tensor,
          ]),
        ),
    };
  },
};

describe('the providers of onnxruntime', () => {
  const machine = (changes: Partial<ProviderSurroundings> = {}): ProviderSurroundings => ({
    supported: ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'],
    hasFile: () => true,
    inspectWebGpu: async () => REAL,
    ...changes,
  });

  it('that the library lacks are said to be lacking', async () => {
    for (const [provider, title] of [
      ['webgpu', 'WebGPU'],
      ['cuda', 'CUDA'],
      ['coreml', 'CoreML'],
      ['dml', 'DirectML'],
    ] as const) {
      const { usable, detail } = await inspectProvider(provider, machine({ supported: ['cpu'] }));
      expect([usable, detail]).to.deep.equal([
        false,
        `onnxruntime has no ${title} provider for ${process.platform} ${process.arch}`,
      ]);
      expect((await inspectProvider(provider, machine())).usable, provider).to.equal(true);
    }
  });

  it('CUDA needs a library of its own, WebGPU an adapter', async () => {
    const bare = machine({ hasFile: () => false });
    expect((await inspectProvider('cuda', bare)).detail).to.include('CUDA library is not installed');
    expect((await inspectProvider('dml', bare)).usable).to.equal(true);
    const none: DeviceReport = { usable: false, realGpu: false, detail: 'none' };
    const blind = machine({ inspectWebGpu: async () => none });
    expect(await inspectProvider('webgpu', blind)).to.equal(none);
  });

  it('are refused with the reason where they do not work', async () => {
    const missing = process.platform === 'darwin' ? 'dml' : 'coreml';
    try {
      await resolveTarget(`onnx:${missing}`);
      expect.fail('resolved');
    } catch (error) {
      expect(error).to.be.instanceOf(TargetError);
      expect((error as Error).message).to.match(new RegExp(`^onnx:${missing}: onnxruntime has no `));
    }
  });

  it('doctor names all, and prints nothing else where no driver is installed', () => {
    const { text, errors } = arpg(['doctor', '--json'], { env: { VK_DRIVER_FILES: '/none.json' } });
    const { targets } = JSON.parse(text) as { targets: { name: string; usable: boolean; detail: string }[] };
    const onnx = targets.filter(({ name }) => name.startsWith('onnx'));
    expect(onnx.map(({ name }) => name)).to.deep.equal([
      'onnx',
      'onnx:webgpu',
      'onnx:cuda',
      'onnx:coreml',
      'onnx:dml',
    ]);
    if (process.platform !== 'linux') return;
    expect(errors).to.equal('');
    expect(onnx[1]).to.deep.include({ usable: false });
    expect(onnx[1]!.detail).to.include('no Vulkan driver is installed');
  });
});

describe('another process asks for an adapter', () => {
  const temporary = temporaryFolder();

  it('and says what came of it, or nothing where it came to no end', async () => {
    const moduleOf = (name: string, requestAdapter: string) => {
      const path = temporary(`${name}.cjs`);
      writeFileSync(
        path,
        `process.stderr.write('driver: noise'); exports.globals = {}; exports.create = () => ({ requestAdapter: ${requestAdapter} });`,
      );
      return path;
    };
    expect(await adapterAnswers(moduleOf('some', 'async () => ({})'))).to.equal(true);
    expect(await adapterAnswers(moduleOf('none', 'async () => null'))).to.equal(false);
    expect(await adapterAnswers(moduleOf('refusing', 'async () => { throw new Error() }'))).to.equal(false);
    expect(await adapterAnswers(moduleOf('crashing', '() => process.abort()'))).to.equal(undefined);
    expect(await adapterAnswers(temporary('nowhere.cjs'))).to.equal(undefined);
  });

  it('so that a broken driver prints nothing', function () {
    if (process.platform !== 'linux') this.skip();
    const driver = { file_format_version: '1.0.0', ICD: { library_path: '/none.so', api_version: '1.1.0' } };
    writeFileSync(temporary('driver.json'), JSON.stringify(driver));
    const env = { VK_DRIVER_FILES: temporary('driver.json') };
    const { code, errors } = arpg(['graph', 'decoder', '--quiet'], { env });
    expect([code, errors]).to.deep.equal([0, '']);
    const refused = arpg(['sample', '-c', '1', '--target', 'gpujs:webgpu', '-o', temporary('x.png')], {
      env,
    });
    expect([refused.code, refused.errors.trimEnd().split('\n').length], refused.errors).to.deep.equal([4, 1]);
  });
});

describe('Vulkan drivers', () => {
  const NAMES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;
  const before = NAMES.map((name) => process.env[name]);
  afterEach(() => {
    for (const [index, name] of NAMES.entries()) {
      if (before[index] === undefined) delete process.env[name];
      else process.env[name] = before[index];
    }
  });

  it('count where the environment names a file that exists', function () {
    if (process.platform !== 'linux') this.skip();
    delete process.env.VK_DRIVER_FILES;
    process.env.VK_ICD_FILENAMES = '/none.json';
    expect(mayHaveAdapter()).to.equal(false);
    process.env.VK_ICD_FILENAMES = `/none.json:${process.execPath}`;
    expect(mayHaveAdapter()).to.equal(true);
    process.env.VK_DRIVER_FILES = '/none.json';
    expect(mayHaveAdapter()).to.equal(false);
  });
});

describe('auto', () => {
  const candidate = (name: string, report: DeviceReport, make: () => Promise<Target>): Candidate => ({
    name,
    inspect: async () => report,
    make,
  });
  const choose = async (candidates: readonly Candidate[]) => {
    const lines: string[] = [];
    const target = await firstWorking(candidates, (line) => lines.push(line));
    return { target, lines };
  };

  it('takes the first real device that computes rightly, and says why not another', async () => {
    const right = { ...referenceTarget, name: 'right' };
    const { target, lines } = await choose([
      candidate('a', { usable: false, realGpu: false, detail: 'no adapter' }, async () => right),
      candidate('b', SOFTWARE, async () => right),
      candidate('c', REAL, async () => wrongTarget),
      candidate('d', REAL, async () => {
        throw new TargetError('d: lost');
      }),
      candidate('e', REAL, async () => right),
      candidate('f', REAL, async () => referenceTarget),
    ]);
    expect(target).to.equal(right);
    expect(lines).to.deep.equal([
      'a is not used: no adapter',
      'b is not used: WebGPU on SwiftShader, which is a program on the CPU',
      'c is not used: a card gives wrong numbers',
      'd is not used: lost',
    ]);
  });

  it('finds none where none works', async () => {
    const { target } = await choose([candidate('b', SOFTWARE, async () => referenceTarget)]);
    expect(target).to.equal(undefined);
  });

  it('is onnxruntime on the CPU where there is no GPU, and says so', async function () {
    if (mayHaveGpu()) this.skip();
    const lines: string[] = [];
    const { name } = await resolveTarget('auto', { report: (line) => lines.push(line) });
    expect([name, ...lines]).to.deep.equal(['onnx', 'no GPU is found on this machine']);
  });

  it('tells right from wrong numbers', async () => {
    expect(await passesSelfTest(onnxTarget({ threads: 1 }))).to.equal(true);
    expect(await passesSelfTest(wrongTarget)).to.equal(false);
  });
});

/** A cache that grows by what is fed, and its sum. */
function cacheGraph(width: number): op.Graph {
  const past = op.input('past.key', 'f32', [op.dim('past'), width]);
  const x = op.input('x', 'f32', [op.dim('rows'), width]);
  const present = op.concat([past, x], 0);
  return op.makeGraph('cache', [past, x], { logits: op.sum(present), 'present.key': present });
}

describe('what stays on a device', () => {
  it('is what the next run takes as an input again', () => {
    const inputs = ['past.a', 'parameter.w', 'b'].map((name) => op.input(name, 'f32', [2]));
    const outputs = ['present.a', 'present.b', 'next.parameter.w', 'next.c', 'b'];
    const graph = op.makeGraph('g', inputs, Object.fromEntries(outputs.map((name) => [name, inputs[0]!])));
    expect(carriedOutputs(graph)).to.deep.equal(['present.a', 'next.parameter.w']);
    const kept = { 'present.a': 'gpu-buffer', 'next.parameter.w': 'gpu-buffer' };
    expect(outputLocations(graph, 'webgpu')).to.deep.equal({ preferredOutputLocation: kept });
    for (const provider of ['cuda', 'coreml', 'dml', undefined] as const)
      expect(outputLocations(graph, provider)).to.deep.equal({});
  });

  it('operations without elements are found, but for those that any device takes', () => {
    const [n, m] = ['n', 'm'].map(op.dim) as [op.Dim, op.Dim];
    const x = op.input('x', 'f32', [n, 4]);
    const y = op.input('y', 'f32', [m, 4]);
    const moved = op.concat([x, op.exp(y)], 0);
    const harmless = emptyOperations(op.makeGraph('g', [x, y], { moved }));
    expect([harmless({ n: 0, m: 0 }), harmless({ n: 0, m: 1 })]).to.deep.equal([false, false]);
    const product = op.matmul(x, y, { transposeRight: true });
    const harmful = emptyOperations(op.makeGraph('g', [x, y], { product }));
    expect([harmful({ n: 1, m: 0 }), harmful({ n: 1, m: 1 })]).to.deep.equal([true, false]);
  });
});

describe('onnxruntime on WebGPU', () => {
  before('an adapter answers', function () {
    if (!onnxWebGpu) this.skip();
  });

  const locationOf = (tensor: DeviceTensor): string =>
    (tensor as unknown as { readonly tensor: { readonly location: string } }).tensor.location;
  const grown = async (steps: number, width: number, rows: number, each: (result: DeviceTensor) => void) => {
    const executable = await onnxWebGpu!.compile(cacheGraph(width));
    let past: DeviceTensor | undefined;
    for (let step = 0; step < steps; step++) {
      const inputs = {
        'past.key': past ?? floatTensor([0, width], []),
        x: floatTensor([rows, width], new Float32Array(rows * width).fill(step)),
      };
      const { logits, 'present.key': present } = await executable.run(inputs);
      past?.dispose();
      past = present!;
      each(logits!);
    }
    return { executable, past: past! };
  };

  it('keeps caches on the device, takes them back and reads them, also in another executable', async () => {
    const { executable, past } = await grown(3, 2, 1, (logits) => expect(locationOf(logits)).to.equal('cpu'));
    expect(locationOf(past)).to.equal('gpu-buffer');
    expect([...past.shape]).to.deep.equal([3, 2]);
    expect([...(await past.read()).data]).to.deep.equal([0, 0, 1, 1, 2, 2]);
    const other = await onnxWebGpu!.compile(cacheGraph(2));
    // What was made stays readable when its maker is gone.
    await executable.dispose();
    const { logits } = await other.run({ 'past.key': past, x: floatTensor([1, 2], [3, 3]) });
    expect([...(await logits!.read()).data]).to.deep.equal([12]);
    await other.dispose();
    const onCpu = await onnxTarget({ threads: 1 }).compile(cacheGraph(2));
    try {
      await onCpu.run({ 'past.key': past, x: floatTensor([1, 2], [3, 3]) });
      expect.fail('run');
    } catch (error) {
      expect(error).to.be.instanceOf(GraphError);
    }
    await onCpu.dispose();
    past.dispose();
  });

  it('frees what is disposed of: forty steps take no more memory than ten', async () => {
    const width = 1024;
    const memory = async (steps: number): Promise<number> => {
      const executable = await onnxWebGpu!.compile(cacheGraph(width));
      const past = floatTensor([2048, width], new Float32Array(2048 * width));
      const none = floatTensor([0, width], []);
      // Held, so that it is not the garbage collector that frees them.
      const held: DeviceTensor[] = [];
      for (let step = 0; step < steps; step++) {
        const { 'present.key': present } = await executable.run({ 'past.key': past, x: none }, [
          'present.key',
        ]);
        held.push(present!);
        present!.dispose();
      }
      const { rss } = process.memoryUsage();
      await executable.dispose();
      expect(held).to.have.length(steps);
      return rss;
    };
    const few = await memory(10);
    // Each step's cache has 8 MB.
    expect((await memory(40)) - few).to.be.lessThan(120e6);
  });

  it('computes products without elements, which would end the process', async () => {
    const n = op.dim('n');
    const x = op.input('x', 'f32', [n, 3]);
    const y = op.matmul(x, x, { transposeLeft: true });
    const executable = await onnxWebGpu!.compile(op.makeGraph('g', [x], { y }));
    const { y: none } = await executable.run({ x: floatTensor([0, 3], []) });
    expect([...(await none!.read()).data]).to.deep.equal(new Array(9).fill(0));
    const { y: one } = await executable.run({ x: floatTensor([1, 3], [1, 2, 3]) });
    expect([...(await one!.read()).data]).to.deep.equal([1, 2, 3, 2, 4, 6, 3, 6, 9]);
    await executable.dispose();
  });

  it('what the device refuses is an error in one line', async () => {
    const n = op.dim('n');
    const x = op.input('x', 'f32', [n, 4]);
    const device = { provider: 'webgpu', detail: 'WebGPU' } as const;
    const executable = await onnxTarget({ device }).compile(op.makeGraph('g', [x], { y: op.softmax(x) }));
    try {
      await executable.run({ x: floatTensor([0, 4], []) });
      expect.fail('run');
    } catch (error) {
      expect(error).to.be.instanceOf(TargetError);
      expect((error as Error).message).to.match(/^onnx:webgpu: [^\n]+$/);
    }
    await executable.dispose();
  });
});
