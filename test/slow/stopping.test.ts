import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { arpg, ARPG_SHELL, shell } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const MODELS = new URL('../../../fixtures/models/', import.meta.url).pathname;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof SIGNALS;

/** What a command came to that was sent a signal. */
interface Stopped {
  readonly code: number;
  readonly seconds: number;
  readonly errors: string;
}

/**
 * Starts a command in a shell, so that its exit code is what a shell sees, and sends the program a signal.
 * @param isReady whether it is where it should be stopped
 * @param input what stands before and after it in a pipeline
 */
async function stop(
  command: string,
  signal: Signal,
  isReady: (errors: string) => boolean,
  { before = '', after = '' }: { readonly before?: string; readonly after?: string } = {},
): Promise<Stopped> {
  // The shell names the program's number first, on stderr, and its exit code last.
  const script = `${before} { ${ARPG_SHELL} ${command} & echo "pid $!" >&2; wait $!; echo "code $?" >&2; } ${after}`;
  const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const started = performance.now();
  while (!/pid \d+/.test(errors) || !isReady(errors)) {
    if (performance.now() - started > 60_000) throw new Error(`${command} never came so far: ${errors}`);
    await sleep(20);
  }
  const sent = performance.now();
  process.kill(Number(/pid (\d+)/.exec(errors)![1]), signal);
  while (!/code \d+/.test(errors)) await sleep(10);
  const seconds = (performance.now() - sent) / 1000;
  child.kill('SIGKILL');
  return { code: Number(/code (\d+)/.exec(errors)![1]), seconds, errors };
}

/** Long enough for a busy machine; what is stopped is far from done then. */
const COMPUTING_MILLISECONDS = 2000;
/** On an idle machine it is well below two; a busy one gets more. */
const MAX_SECONDS = 5;

const ALL = Object.entries(SIGNALS) as readonly [Signal, number][];

/** Both signals for the first of a kind, one of them in turn for the others, since each takes its time. */
const signalsOf = (index: number) => (index === 0 ? ALL : [ALL[index % ALL.length]!]);

describe('a command that is stopped', function () {
  this.timeout(240_000);
  const temporary = temporaryFolder();
  const later = (milliseconds = COMPUTING_MILLISECONDS) => {
    const start = performance.now();
    return () => performance.now() - start > milliseconds;
  };

  before(() => {
    mkdirSync(temporary('.'), { recursive: true });
    arpg([
      'sample',
      '--model',
      `${MODELS}digits`,
      '--class',
      '3',
      '--seed',
      '1',
      '-o',
      temporary('three.png'),
    ]);
    arpg(['sample', '--class', '3', '--seed', '1', '--format', 'tokens', '-o', temporary('tokens.jsonl')]);
  });

  const waiting = {
    'tokenize -': 'tokenize -',
    'detokenize -': 'detokenize -',
    'inpaint -': () => `inpaint - --mask '${temporary('three.png')}' -o -`,
    'inpaint with a mask from stdin': () =>
      `inpaint '${temporary('three.png')}' --mask - -o '${temporary('x.png')}'`,
    'outpaint -': 'outpaint - --left 4 -o -',
    'edit -': 'edit - --class 1 --keep 0.5 -o -',
  } as const;
  for (const [index, [name, command]] of Object.entries(waiting).entries())
    for (const [signal, expected] of signalsOf(index))
      it(`while it waits for its input: ${name}, ${signal}`, async () => {
        const line = typeof command === 'string' ? command : command();
        const { code, seconds } = await stop(line, signal, later(), { before: 'sleep 60 |' });
        expect(code).to.equal(expected);
        expect(seconds).to.be.below(MAX_SECONDS);
      });

  const computing = {
    'sample on the reference target': () =>
      `sample --model '${MODELS}emoji' --class cat --seed 1 --target reference -o '${temporary('out/x.png')}'`,
    'sample on gpujs:cpu': () =>
      `sample --model '${MODELS}emoji' --class cat --count 20 --seed 1 --target gpujs:cpu -o '${temporary('out/x/')}'`,
    'sample on onnx': () =>
      `sample --model '${MODELS}emoji' --class cat --count 900 --seed 1 --target onnx --format grid -o '${temporary('out/grid.png')}'`,
    'export --format gpujs': () =>
      `export --model '${MODELS}emoji' --format gpujs --steps 64 -o '${temporary('out/page.js')}'`,
    'detokenize of many lines': () =>
      `detokenize <(yes "$(cat '${temporary('tokens.jsonl')}')" | head -n 20000) -o '${temporary('out/many/')}'`,
  } as const;
  for (const [index, [name, command]] of Object.entries(computing).entries())
    for (const [signal, expected] of signalsOf(index))
      it(`while it computes: ${name}, ${signal}`, async () => {
        const { code, seconds, errors } = await stop(command(), signal, later());
        expect(code, errors).to.equal(expected);
        expect(seconds).to.be.below(MAX_SECONDS);
        const left = existsSync(temporary('out'))
          ? (readdirSync(temporary('out'), { recursive: true }) as string[])
          : [];
        expect(left.filter((file) => /partial|page|grid|x\.png/.test(file))).to.deep.equal([]);
      });

  for (const [signal, expected] of ALL) {
    it(`while it waits for whoever reads a FIFO, ${signal}`, async () => {
      const fifo = temporary(`fifo-${signal}`);
      shell(`mkfifo '${fifo}'`);
      const { code, seconds } = await stop(`sample --class 3 --seed 1 -o '${fifo}'`, signal, later());
      expect(code).to.equal(expected);
      expect(seconds).to.be.below(MAX_SECONDS);
    });
  }

  const unread = {
    'stdout, a pipe that nobody reads': { output: '-', after: '| sleep 60' },
    'a substituted process that does not read': { output: '>(sleep 60)', after: '' },
    'a FIFO that nobody reads': { output: '', after: '' },
  } as const;
  for (const [name, { output, after }] of Object.entries(unread))
    for (const [signal, expected] of ALL)
      it(`while it writes to ${name}, ${signal}`, async () => {
        const fifo = temporary(`unread-${signal}`);
        const holder =
          output === '' ? spawn('bash', ['-c', `mkfifo '${fifo}'; sleep 60 < '${fifo}'`]) : undefined;
        const line = `sample --model '${MODELS}digits' --class 3 --count 100 --steps 1 --seed 1 --format npz`;
        const command = `${line} -o ${output === '' ? `'${fifo}'` : output}`;
        const { code, seconds } = await stop(command, signal, later(4000), { after });
        holder?.kill('SIGKILL');
        expect(code).to.equal(expected);
        expect(seconds).to.be.below(MAX_SECONDS);
      });

  for (const [signal, expected] of ALL)
    it(`while it trains saves first, ${signal}`, async () => {
      const lines = Array.from({ length: 8 }, (_, image) => ({
        tokens: Array.from({ length: 16 }, (_, place) => (image + place) % 32),
        class_id: image % 2,
      }));
      writeFileSync(temporary('lines.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      writeFileSync(
        temporary('arpg.json'),
        JSON.stringify({ dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 }),
      );
      const run = temporary(`run-${signal}`);
      const flags = `--data '${temporary('lines.jsonl')}' --config '${temporary('arpg.json')}' --batch 4 --steps 1000000`;
      const { code, seconds, errors } = await stop(
        `train ${flags} --tokenizer '${MODELS}tiny' --seed 1 --out '${run}' --target onnx --threads 1`,
        signal,
        () => existsSync(`${run}/log.jsonl`),
      );
      expect(code, errors).to.equal(expected);
      expect(seconds).to.be.below(MAX_SECONDS);
      expect(errors).to.include('continue with --resume');
      expect(existsSync(`${run}/latest`)).to.equal(true);
      expect(existsSync(`${run}/lock`)).to.equal(false);
    });

  for (const [signal, expected] of ALL)
    it(`while it waits for a server, ${signal}`, async () => {
      const server = createServer(() => {}).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      const { code, seconds } = await stop(
        `pull http://127.0.0.1:${port}/weights.pt -o '${temporary('pulled.pt')}'`,
        signal,
        later(),
      );
      server.closeAllConnections();
      server.close();
      expect(code).to.equal(expected);
      expect(seconds).to.be.below(MAX_SECONDS);
      expect(existsSync(temporary('pulled.pt'))).to.equal(false);
    });

  it('leaves the pictures that are finished, and --resume draws the others just as they would have been', async () => {
    const folder = temporary('series');
    const flags = '--class 3 --count 12 --seed 6 --batch 1';
    const made = () => (existsSync(folder) ? readdirSync(folder).length : 0);
    const { code } = await stop(
      `sample --model '${MODELS}emoji' --class cat --count 12 --seed 6 --batch 1 -o '${folder}/'`,
      'SIGINT',
      () => made() > 2,
    );
    expect(code).to.equal(130);
    const before = made();
    expect(before).to.be.within(3, 11);
    for (const name of readdirSync(folder)) PNG.sync.read(readFileSync(`${folder}/${name}`));
    const args = flags.split(' ').with(1, 'cat');
    const resumed = arpg(['sample', '--model', `${MODELS}emoji`, ...args, '--resume', '-o', `${folder}/`]);
    expect(resumed.errors).to.include(`${before} of 12 pictures are there already`);
    expect(made()).to.equal(12);
    arpg(['sample', '--model', `${MODELS}emoji`, ...args, '--quiet', '-o', temporary('whole/')]);
    for (const name of readdirSync(folder))
      expect(
        readFileSync(`${folder}/${name}`).equals(readFileSync(temporary(`whole/${name}`))),
        name,
      ).to.equal(true);
  });

  it('--resume of pictures needs a folder and a seed', () => {
    for (const flags of [
      ['--seed', '1', '-o', temporary('one.png')],
      ['-o', temporary('more/')],
    ]) {
      const { code, errors } = arpg(['sample', '--class', '3', '--resume', ...flags]);
      expect([code, errors.includes('resume')], errors).to.deep.equal([2, true]);
    }
  });

  it('a terminal on stdin is told that input is awaited', function () {
    if (shell('command -v script').code !== 0) this.skip();
    const { text } = shell(
      `script -qec "${ARPG_SHELL.replaceAll('"', '')} detokenize - -o '${temporary('tty.png')}'" /dev/null < /dev/null`,
    );
    expect(text).to.include('reading from the terminal');
  });
});
