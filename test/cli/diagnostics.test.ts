import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { startDiagnostics } from '../../src/cli/diagnostics.js';
import { OutputError, UsageError } from '../../src/errors.js';
import { arpg } from '../support/cli.js';
import { poisonModel } from '../support/poison.js';
import { temporaryFolder } from '../support/temporary.js';
import { type CompleteEvent, completeEvents, contains, expectNested } from '../support/traces.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const manifest = fileURLToPath(new URL('../../../oclif.manifest.json', import.meta.url));
const FLAGS = ['dump-graph', 'trace', 'check'];
const PASSES = [
  'build',
  'verify',
  'simplify',
  'cse',
  'decompose',
  'constant-fold',
  'simplify',
  'cse',
  'constant-fold',
];
const ONNX_PASSES = [
  ...PASSES,
  'fold-upsample',
  ...(process.arch === 'x64' ? ['winograd'] : []),
  'fuse',
  'simplify',
];
const passFiles = (passes: readonly string[]) =>
  passes.map((pass, index) => `${String(index).padStart(2, '0')}-${pass}.txt`);
const SAMPLE = ['sample', '--class', '3', '--seed', '1', '--steps', '2', '--quiet'];

describe('flags for debugging', () => {
  const temporary = temporaryFolder();
  /** The command's folder for temporary files, which it must leave empty. */
  const scratch = temporary('scratch');
  const run = (...args: readonly string[]) => arpg(args, { env: { TMPDIR: scratch } });
  const traceOf = (file: string): readonly CompleteEvent[] => completeEvents(readFileSync(file, 'utf8'));

  /** One picture with all flags. */
  const runWithAll = (target: string) => {
    const [graphs, trace] = [temporary(`${target}/graphs`), temporary(`${target}.json`)];
    const flags = ['--check', '--dump-graph', graphs, '--trace', trace, '--target', target];
    const { code, errors, stdout } = run(...SAMPLE, '-o', '-', ...flags);
    expect(code, errors).to.equal(0);
    return { graphs, trace, picture: stdout };
  };
  let onnx: ReturnType<typeof runWithAll>;
  let gpujs: ReturnType<typeof runWithAll>;

  before(() => {
    mkdirSync(scratch);
    onnx = runWithAll('onnx');
    gpujs = runWithAll('gpujs:cpu');
  });

  it('are there on every command, under flags for debugging', () => {
    const { commands } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      readonly commands: Readonly<Record<string, { flags: Record<string, { helpGroup?: string }> }>>;
    };
    expect(Object.keys(commands)).to.have.length.above(10);
    for (const [name, { flags }] of Object.entries(commands))
      for (const flag of FLAGS) expect(flags[flag]?.helpGroup, `${name} --${flag}`).to.equal('Debugging');
  });

  describe('--dump-graph', () => {
    it('writes every graph after every pass', () => {
      expect(readdirSync(onnx.graphs)).to.deep.equal(['01-arpg-step', '02-vq-decoder']);
      for (const graph of readdirSync(onnx.graphs))
        expect(readdirSync(`${onnx.graphs}/${graph}`)).to.deep.equal(passFiles(ONNX_PASSES));
      const [built, decomposed] = ['00-build', '04-decompose'].map((file) =>
        readFileSync(`${gpujs.graphs}/01-arpg-step/${file}.txt`, 'utf8'),
      );
      expect(built)
        .to.match(/^graph arpg-step\(/)
        .and.to.include(' attention(');
      // onnxruntime has attention, gpu.js does not, nor the softmax in it.
      expect(decomposed).to.include(' reduceMax(').and.not.to.include(' attention(');
    });

    it('writes the kernels of the gpujs target, for each size', () => {
      expect(readdirSync(`${gpujs.graphs}/01-arpg-step`)).to.deep.equal([
        ...passFiles([...PASSES, 'split-wide-reads']),
        'kernels-01.txt',
        'kernels-02.txt',
      ]);
      expect(readFileSync(`${gpujs.graphs}/01-arpg-step/kernels-01.txt`, 'utf8'))
        .to.match(/^\/\/ sizes: batch=2, content=1, /)
        .and.to.include('this.thread.x');
    });

    it('works where graphs are compiled without being run', () => {
      const [shown, exported] = [temporary('shown'), temporary('exported')];
      expect(run('graph', 'encoder', '--dump-graph', shown, '-o', temporary('g.txt')).code).to.equal(0);
      expect(readdirSync(shown)).to.deep.equal(['01-vq-encoder']);
      const onnx = run(
        'export',
        '--format',
        'onnx',
        '-o',
        temporary('exported-onnx'),
        '--dump-graph',
        exported,
        '--check',
      );
      expect(onnx.code, onnx.errors).to.equal(0);
      expect(readdirSync(exported)).to.deep.equal([
        '01-arpg-step',
        '02-arpg-prefill',
        '03-vq-encoder',
        '04-vq-decoder',
      ]);
    });

    it('refuses what is no empty folder, and writes nothing', () => {
      const [file, full] = [temporary('file'), temporary('full')];
      writeFileSync(file, 'kept');
      mkdirSync(full);
      writeFileSync(`${full}/notes.txt`, 'kept');
      for (const [folder, reason] of [
        [file, 'graphs cannot be written there: '],
        [`${file}/below`, 'graphs cannot be written there: a part of the path is not a folder'],
        [full, 'it is not empty; graphs are written into an empty or a new folder'],
      ] as const)
        expect(() => startDiagnostics({ 'dump-graph': folder })).to.throw(
          OutputError,
          `${folder}: ${reason}`,
        );
      const { code, errors } = run(...SAMPLE, '-o', temporary('no.png'), '--dump-graph', full);
      expect(code).to.equal(5);
      expect(errors).to.match(/^arpg: .*it is not empty.*\n$/);
      expect(existsSync(temporary('no.png'))).to.equal(false);
      expect(readdirSync(full)).to.deep.equal(['notes.txt']);
    });
  });

  describe('--trace', () => {
    const outer = (events: readonly CompleteEvent[], inner: CompleteEvent, category: string) =>
      events.find((event) => event.cat === category && contains(event, inner));

    it('holds passes, sessions, runs and what onnxruntime did in them', () => {
      const events = traceOf(onnx.trace);
      expectNested(events);
      const named = (category: string) =>
        events.filter(({ cat }) => cat === category).map(({ name }) => name);
      expect(named('compile')).to.deep.equal(['compile arpg-step', 'compile vq-decoder']);
      expect(named('pass')).to.deep.equal([...ONNX_PASSES.slice(1), ...ONNX_PASSES.slice(1)]);
      expect(named('session')).to.deep.equal(['create session arpg-step', 'create session vq-decoder']);
      expect(named('run')).to.deep.equal(['run arpg-step', 'run arpg-step', 'run vq-decoder']);
      const [first] = events.filter(({ cat }) => cat === 'run');
      expect(first!.args.inputs).to.include({ content_ids: '[2, 1]' });
      for (const pass of events.filter(({ cat }) => cat === 'pass'))
        expect(outer(events, pass, 'compile')?.name).to.equal(`compile ${String(pass.args.graph)}`);
      const kernels = events.filter(({ cat, args }) => cat === 'onnxruntime' && 'op_name' in args);
      expect(kernels.length).to.be.above(100);
      for (const kernel of kernels) expect(outer(events, kernel, 'run'), kernel.name).not.to.equal(undefined);
      expect(kernels.map(({ name }) => name).join(' ')).to.include('layers.self_dec.1.attn');
      expect(readdirSync(scratch)).to.deep.equal([]);
    });

    it('holds kernel calls of gpujs, and runs of the reference', () => {
      const events = traceOf(gpujs.trace);
      expectNested(events);
      const kernels = events.filter(({ cat }) => cat === 'kernel');
      expect(kernels.length).to.be.above(50);
      for (const kernel of kernels) expect(outer(events, kernel, 'run')).not.to.equal(undefined);
      expect(events.filter(({ cat }) => cat === 'lower')).to.have.length(3);
      const reference = temporary('reference.json');
      const args = ['--target', 'reference', '--format', 'tokens', '-o', temporary('t.jsonl')];
      expect(run(...SAMPLE, ...args, '--trace', reference).code).to.equal(0);
      expect(traceOf(reference).filter(({ cat }) => cat === 'run')).to.have.length(2);
    });

    it('is written of a command that fails', () => {
      const folder = temporary('poisoned');
      poisonModel(folder, 'model.safetensors', 'layers.self_dec.1.ffn.w2.weight', Number.NaN);
      const file = temporary('failed.json');
      const args = ['--model', folder, '--trace', file, '--target', 'onnx', '-o', temporary('f.png')];
      expect(run(...SAMPLE, ...args).code).to.equal(3);
      expect(traceOf(file).some(({ name }) => name === 'run arpg-step')).to.equal(true);
      expect(readdirSync(scratch)).to.deep.equal([]);
    });

    it('is written of a command that is stopped, and leaves no files of onnxruntime', async () => {
      const [file, out] = [temporary('stopped.json'), temporary('stopped/')];
      const args = ['sample', '--class', '3', '--count', '5000', '--batch', '1', '--quiet', '-o', out];
      const child = spawn(process.execPath, [program, ...args, '--trace', file, '--target', 'onnx'], {
        env: {
          ...process.env,
          TMPDIR: scratch,
          ARPG_MODEL: fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url)),
        },
        stdio: 'ignore',
      });
      while (!existsSync(out) || readdirSync(out).length < 2) await sleep(50);
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number];
      expect(code).to.equal(143);
      const events = traceOf(file);
      expectNested(events);
      expect(events.some(({ name }) => name === 'run vq-decoder')).to.equal(true);
      expect(events.some(({ cat, args: own }) => cat === 'onnxruntime' && 'op_name' in own)).to.equal(true);
      expect(readdirSync(scratch)).to.deep.equal([]);
    });

    it('takes the place of nothing else', () => {
      const same = temporary('same.png');
      const model = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));
      const config = `${model}/config.json`;
      for (const [trace, kind, reason] of [
        [same, UsageError, 'the output has the same name'],
        ['-', UsageError, 'a trace goes to a file'],
        [config, UsageError, 'is a file of the model'],
        [temporary('.'), OutputError, 'it is a folder'],
        [`${config}/trace.json`, OutputError, 'a part of the path is not a folder'],
      ] as const)
        expect(() => startDiagnostics({ trace, model, output: same }), trace).to.throw(kind, reason);
      const result = run(...SAMPLE, '-o', same, '--trace', same);
      expect(result.code).to.equal(2);
      expect(result.errors).to.match(/^arpg: .*the same name.*\n$/);
      expect(existsSync(same)).to.equal(false);
    });
  });

  it('--trace and --dump-graph take the place of nothing else', () => {
    const order = temporary('order.json');
    writeFileSync(order, JSON.stringify(Array.from({ length: 16 }, (_, position) => position)));
    const sample = ['sample', '--class', '1', '--seed', '1', '--format', 'tokens'];
    for (const [flags, message] of [
      [['--order', order, '--trace', order], 'no trace'],
      [['--dump-graph', ''], 'name a folder'],
      [['--dump-graph', temporary('same'), '--trace', temporary('same')], 'in its way'],
      [['-o', temporary('t.jsonl'), '--dump-graph', temporary('t.jsonl')], 'the same name'],
      [['--trace', temporary('folder/')], 'a trace goes to a file'],
    ] as const) {
      const { code, errors } = run(...sample, ...flags);
      expect([code, errors.trim().split('\n').length], errors).to.deep.equal([2, 1]);
      expect(errors).to.include(message);
    }
    expect(JSON.parse(readFileSync(order, 'utf8'))).to.have.length(16);
    for (let twice = 0; twice < 2; twice++)
      expect(run(...sample, '--quiet', '--trace', temporary('again.json')).code).to.equal(0);
  });

  describe('--check', () => {
    it('changes nothing where all is well', () => {
      const { stdout } = run(...SAMPLE, '-o', '-', '--target', 'onnx');
      expect(stdout.length).to.be.above(100);
      expect(onnx.picture.equals(stdout)).to.equal(true);
    });

    const weight = 'layers.self_dec.1.ffn.w2.weight';
    for (const target of ['onnx', 'reference']) {
      it(`names the scope of a weight that is NaN on ${target}`, () => {
        const folder = temporary(`nan-${target}`);
        poisonModel(folder, 'model.safetensors', weight, Number.NaN);
        const { code, errors } = run(
          ...SAMPLE,
          '--model',
          folder,
          '--check',
          '--target',
          target,
          '-o',
          temporary('n.png'),
        );
        expect(code).to.equal(3);
        expect(errors).to.equal(
          `arpg: arpg-step, run 1: the first value that is not finite is NaN in the weight ${weight}, first read by layers.self_dec.1.ffn.w2 (matmul); import or train the model again\n`,
        );
        expect(existsSync(temporary('n.png'))).to.equal(false);
      });
    }

    it('looks into the tokenizer and into training', () => {
      const folder = temporary('tokenizer');
      poisonModel(folder, 'tokenizer/model.safetensors', 'encoder.conv_in.weight', Number.NaN);
      const photo = fileURLToPath(new URL('../../../fixtures/photos/chelsea.png', import.meta.url));
      const tokenized = run('tokenize', photo, '--model', folder, '--check');
      expect(tokenized.code).to.equal(3);
      expect(tokenized.errors).to.include('vq-encoder, run 1: ').and.to.include('encoder.conv_in (conv2d)');
      const data = fileURLToPath(new URL('../../../fixtures/digits/held-out', import.meta.url));
      const trained = run(
        'train',
        '--data',
        data,
        '--tokenizer',
        folder,
        '--check',
        '--steps',
        '1',
        '--out',
        temporary('run'),
      );
      expect(trained.code).to.equal(3);
      expect(trained.errors).to.include('encoder.conv_in (conv2d)');
    });
  });
});
