import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { pngText } from '../../src/data/pngText.js';
import type { CommonRecord } from '../../src/index.js';
import { arpg, ISOLATED } from '../support/cli.js';
import { eventsOf, named, post } from '../support/server.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly server: {
    readonly url: string;
    readonly host: string;
    readonly port: number;
    stop(): Promise<void>;
  };
  /** Waits until a text is said on stderr. */
  said(text: string): Promise<void>;
  /** Waits for the end. */
  ended(): Promise<{ readonly code: number | null; readonly errors: string; readonly output: string }>;
}

/** Starts `arpg serve` on a free port. */
async function start(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const child = spawn(
    process.execPath,
    [program, 'serve', '--port', '0', '--json', '--threads', '2', ...args],
    {
      env: { ...process.env, ...ISOLATED, ...env },
    },
  );
  let [errors, output] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const end = new Promise<number | null>((resolve) => child.on('close', resolve));
  const said = async (text: string) => {
    while (!errors.includes(text)) await new Promise((done) => setTimeout(done, 10));
  };
  const ended = async () => ({ code: await end, errors, output });
  const line = await Promise.race([
    new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))),
    ended().then(() => {
      throw new Error(`serve ended: ${errors}`);
    }),
  ]);
  const { url, host, port } = JSON.parse(line) as { url: string; host: string; port: number };
  return { child, ended, said, server: { url, host, port, stop: () => Promise.resolve() } };
}

/** How the first picture says that it was drawn. */
function recordOf(events: Awaited<ReturnType<typeof eventsOf>>): Partial<CommonRecord> | undefined {
  const [, base64 = ''] = named(events, 'picture')[0]!.image.split(',');
  const text = pngText(Buffer.from(base64, 'base64'), 'arpg');
  return text === undefined ? undefined : (JSON.parse(text) as CommonRecord);
}

const MANY = { class: 'medal', model: 'emoji', count: 4, previews: false };

describe('arpg serve', function () {
  this.timeout(60_000);

  it('finishes what is under way on SIGTERM, takes nothing new and ends well', async () => {
    const { child, server, ended, said } = await start();
    const answers = [post(server, '/v1/arpg/sample', MANY), post(server, '/v1/arpg/sample', { class: 3 })];
    const events = Promise.all(answers.map((answer) => eventsOf(answer)));
    await Promise.all(answers);
    child.kill('SIGTERM');
    await said('finishing');
    const refused = await post(server, '/v1/arpg/sample', { class: 3 }).then(
      ({ status }) => status,
      () => 'refused',
    );
    expect(refused).to.be.oneOf([503, 'refused']);
    const drawn = (await events).map((own) => named(own, 'picture').length);
    expect(drawn).to.deep.equal([4, 1]);
    expect((await events).map((own) => recordOf(own)?.command)).to.deep.equal(['sample', 'sample']);
    const { code, errors } = await ended();
    expect(code).to.equal(0);
    expect(errors).to.contain(`listening at ${server.url}`).and.to.contain('finishing');
  });

  it('ends at once on a second signal', async () => {
    const { child, server, ended, said } = await start();
    const answer = await post(server, '/v1/arpg/sample', { ...MANY, count: 16 });
    child.kill('SIGINT');
    await said('finishing');
    const second = performance.now();
    child.kill('SIGINT');
    const { code } = await ended();
    expect(code).to.equal(130);
    expect(performance.now() - second).to.be.below(2000);
    await answer.text().catch(() => {});
  });

  it('says in one line what is wrong with its address, its token and its models', async () => {
    const busy = createServer();
    await new Promise<void>((done) => busy.listen(0, '127.0.0.1', done));
    const port = String((busy.address() as AddressInfo).port);
    const wrong: readonly (readonly [readonly string[], number, string])[] = [
      [['--port', port], 5, `127.0.0.1:${port}: cannot listen: another program listens there`],
      [['--host', '0.0.0.0'], 2, 'set a token with --token or ARPG_TOKEN'],
      [['--host', '0.0.0.0', '--token', 'short'], 2, 'at least 8 characters'],
      [['--token', 'with space'], 2, 'without spaces'],
      [['--host', '203.0.113.7', '--token', 'long-enough'], 5, 'no such address'],
      [['--port', '70000'], 2, '--port'],
      [['--model', 'nowhere'], 3, 'nowhere: no such model folder'],
      [['--model', 'digits', '--model', 'digits'], 2, 'two models are called digits'],
    ];
    for (const [args, code, message] of wrong) {
      const result = arpg(['serve', '--target', 'onnx', ...args]);
      expect(result.code, args.join(' ')).to.equal(code);
      expect(result.errors, args.join(' ')).to.contain(message);
      expect(result.errors.trim().split('\n'), args.join(' ')).to.have.length(1);
      expect(result.text).to.equal('');
    }
    busy.close();
  });

  it('prints nothing about clients that leave', async () => {
    const { child, server, ended } = await start(['--model', 'emoji', '--model', 'digits']);
    for (const path of ['/v1/arpg/sample', '/v1/images/generations']) {
      const leaving = new AbortController();
      const body = path.endsWith('sample') ? { class: 'medal', count: 9 } : { prompt: 'medal', n: 9 };
      const gone = post(server, path, body, { signal: leaving.signal }).then((answer) => answer.text());
      setTimeout(() => leaving.abort(), 300);
      await gone.catch(() => {});
    }
    child.kill('SIGTERM');
    const { code, errors, output } = await ended();
    expect(code).to.equal(0);
    expect(output.trim().split('\n')).to.have.length(1);
    expect(errors.trim().split('\n')).to.have.length(2);
  });

  it('takes the token from the environment, so that no list of processes shows it', async () => {
    const flags = ['--model', 'digits', '--no-metadata'];
    const { child, server, ended } = await start(flags, { ARPG_TOKEN: 'from-environment' });
    expect((await fetch(`${server.url}/v1/models`)).status).to.equal(401);
    const headers = { authorization: 'Bearer from-environment' };
    expect((await fetch(`${server.url}/v1/models`, { headers })).status).to.equal(200);
    const events = await eventsOf(post(server, '/v1/arpg/sample', { class: 3 }, { headers }));
    expect(named(events, 'picture')).to.have.length(1);
    expect(recordOf(events)).to.equal(undefined);
    child.kill('SIGTERM');
    expect((await ended()).code).to.equal(0);
  });
});
