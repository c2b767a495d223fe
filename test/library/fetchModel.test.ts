import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { InputError, UsageError } from '../../src/errors.js';
import {
  fetchedModel,
  fetchModel,
  type FetchOptions,
  isHubName,
  load,
  MODEL_FILES,
  modelDigest,
  modelName,
} from '../../src/index.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny/', import.meta.url));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should fail'),
    (error: Error) => error,
  );

describe("a hub's model is fetched on first use", () => {
  const temporary = temporaryFolder();
  const files = new Map(
    MODEL_FILES.filter((path) => existsSync(join(tiny, path))).map((path) => [
      path as string,
      readFileSync(join(tiny, path)),
    ]),
  );
  const card = Buffer.from('---\nlicense: "CC-BY-4.0"\n---\n# model\n');
  let server: Server;
  let hub: string;
  let requests: string[] = [];
  /** Files that the hub has instead of the true ones. */
  let changed = new Map<string, Buffer>();
  let cacheNumber = 0;

  before(async () => {
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, hub);
      requests.push(pathname);
      const [, list] = /^\/api\/models\/someone\/tiny\/tree\/([^/]+)$/.exec(pathname) ?? [];
      if (list !== undefined) {
        const listing = [...files].map(([path, bytes]) => ({
          ...{ type: 'file', path, size: bytes.length, oid: '1' },
          lfs: { oid: sha256(bytes), size: bytes.length },
        }));
        response.end(JSON.stringify(listing));
        return;
      }
      const path = pathname.replace(/^\/someone\/tiny\/resolve\/[^/]+\//, '');
      const bytes = changed.get(path) ?? files.get(path);
      if (bytes) response.end(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    files.set('README.md', card);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    [requests, changed] = [[], new Map()];
    cacheNumber++;
  });
  const cache = () => temporary(`cache-${cacheNumber}`);
  const options = (): FetchOptions => ({ hub, cache: cache(), attempts: 1, backoffSeconds: 0.01 });
  /** Runs the command while this process serves. */
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    new Promise<{ readonly code: number | null; readonly text: string; readonly errors: string }>((done) => {
      const own = {
        ARPG_CACHE: cache(),
        HF_ENDPOINT: hub,
        ARPG_COMPILE_CACHE: '0',
        ARPG_MODEL: '',
        DEBUG: '',
      };
      const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...own, ...env } });
      let [text, errors] = ['', ''];
      child.stdout.on('data', (chunk) => (text += chunk));
      child.stderr.on('data', (chunk) => (errors += chunk));
      child.on('close', (code) => done({ code, text, errors }));
    });

  it('into the cache, once, and nothing is there twice', async () => {
    const offered: object[] = [];
    const folder = await fetchModel('someone/tiny', {
      ...options(),
      onModel: (model) => void offered.push(model),
    });
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    expect(offered).to.deep.equal([{ bytes, license: 'CC-BY-4.0' }]);
    expect(folder).to.equal(fetchedModel('someone/tiny', options()));
    expect(await modelDigest(folder)).to.equal(await modelDigest(tiny));
    expect(modelName(folder, cache())).to.equal('someone/tiny@main');
    expect(readdirSync(cache()).filter((name) => name.endsWith('.safetensors'))).to.deep.equal([]);
    const count = requests.length;
    expect(await fetchModel('someone/tiny', options())).to.equal(folder);
    expect(await fetchModel('someone/tiny', { ...options(), offline: true })).to.equal(folder);
    expect(requests).to.have.length(count);
    await (await load(folder)).dispose();
  });

  it('each revision and each hub on its own', async () => {
    const places = [
      fetchedModel('someone/tiny', options()),
      fetchedModel('someone/tiny@v2', options()),
      fetchedModel('someone/tiny@feature/x', options()),
      fetchedModel('someone/tiny', { ...options(), hub: 'https://example.org/mirror/' }),
    ];
    expect(new Set(places).size).to.equal(4);
    for (const place of places) expect(place!.startsWith(join(cache(), 'models'))).to.equal(true);
    expect(modelName(places[2]!, cache())).to.equal('someone/tiny@feature/x');
    expect(modelName('/a/b/model/', cache())).to.equal('model');
    await fetchModel('someone/tiny@v2', options());
    expect(requests[0]).to.equal('/api/models/someone/tiny/tree/v2');
  });

  it('and checked: wrong bytes leave no model', async () => {
    const config = Buffer.from(files.get('config.json')!.toString().replace('2', '3'));
    changed.set('config.json', config);
    const failure = await failureOf(fetchModel('someone/tiny', options()));
    expect(failure).to.be.instanceOf(InputError);
    expect(failure.message).to.include('checksum');
    expect(existsSync(fetchedModel('someone/tiny', options())!)).to.equal(false);
  });

  it('but for what lies here, or cannot be a name', async () => {
    expect(isHubName('fixtures/models')).to.equal(false);
    for (const name of ['tiny', './a/b', '../a', 'a/b/c', 'a/../b', '', '/a/b', 'a/b@../c', 'a b/c'])
      expect(isHubName(name), name).to.equal(false);
    expect(isHubName('someone/tiny@v2')).to.equal(true);
    expect(await failureOf(fetchModel('tiny', options()))).to.be.instanceOf(UsageError);
    const misspelt = await failureOf(fetchModel('fixtures/modles', options()));
    expect(misspelt.message).to.include('no such model folder').and.include('arpg pull fixtures/modles');
    expect(requests).to.deep.equal([]);
  });

  it('by the commands: size and licence are said, then the model is used', async () => {
    const flags = ['-c', '3', '--seed', '1', '-o', temporary('a.png')];
    const first = await run(['sample', '--model', 'someone/tiny', ...flags]);
    expect(first.code, first.errors).to.equal(0);
    const folder = fetchedModel('someone/tiny', options())!;
    expect(first.errors.split('\n')[0]).to.match(
      /^model someone\/tiny: \d\.\d MB, licence CC-BY-4\.0; fetched from http:\/\/127\.0\.0\.1:\d+ into /,
    );
    expect(first.errors).to.include(`into ${folder}\n`).and.include('wrote ');
    expect(first.text).to.equal('');
    const count = requests.length;
    const again = await run(['sample', '--model', 'someone/tiny', ...flags, '--json'], { ARPG_OFFLINE: '1' });
    expect(again.errors).to.match(/^wrote .*\n$/);
    expect(JSON.parse(again.text).model).to.equal(folder);
    // Its pictures name it, so that they can be drawn again.
    const like = await run(['sample', '--like', temporary('a.png'), '-o', temporary('b.png')]);
    expect(like.code, like.errors).to.equal(0);
    expect(readFileSync(temporary('b.png')).equals(readFileSync(temporary('a.png')))).to.equal(true);
    expect(requests).to.have.length(count);
    const graph = await run(['graph', 'step', '--model', 'someone/tiny']);
    expect(graph.text).to.include('arpg-step');
  }).timeout(60_000);

  it('failures are one line, and leave nothing behind', async () => {
    const flags = ['-c', '3', '--seed', '1', '-o', temporary('no.png')];
    for (const [name, env, reason] of [
      ['someone/none', {}, 'there is no such file (404)'],
      ['someone/tiny', { ARPG_OFFLINE: '1' }, 'ARPG_OFFLINE'],
    ] as const) {
      const { code, text, errors } = await run(['sample', '--model', name, ...flags], env);
      expect(errors).to.include(reason);
      expect([code === 0, text, errors.trim().split('\n').length], errors).to.deep.equal([false, '', 1]);
      expect(existsSync(temporary('no.png'))).to.equal(false);
      expect(existsSync(fetchedModel(name, options())!)).to.equal(false);
    }
  }).timeout(60_000);

  it('a folder of that name here comes first', () => {
    mkdirSync(temporary('here/someone'), { recursive: true });
    cpSync(tiny, temporary('here/someone/tiny'), { recursive: true });
    const flags = ['-c', '3', '--seed', '1', '--json', '-o', 'a.png'];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [program, 'sample', '--model', 'someone/tiny', ...flags],
      {
        cwd: temporary('here'),
        env: {
          ...process.env,
          ARPG_CACHE: cache(),
          HF_ENDPOINT: 'http://127.0.0.1:9',
          ARPG_COMPILE_CACHE: '0',
        },
      },
    );
    expect(status, stderr.toString()).to.equal(0);
    expect(JSON.parse(stdout.toString()).model).to.equal('someone/tiny');
    rmSync(temporary('here'), { recursive: true });
    expect(arpg(['sample', '--model', 'fixtures/nothing', '-c', '3']).errors).to.include(
      'no such model folder',
    );
  });
});
