import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { cacheFolder } from '../../src/download/cache.js';
import { download } from '../../src/download/download.js';
import { isInnerPath, parseListing, parseRepository } from '../../src/download/hub.js';
import { InputError, NetworkError, UsageError } from '../../src/errors.js';
import { openGenerator, pull, type PullOptions } from '../../src/index.js';
import { temporaryFolder } from '../support/temporary.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny/', import.meta.url));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const gitBlob = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** 1 MB that compresses badly and repeats nowhere. */
const BYTES = Buffer.concat(
  Array.from({ length: 32_768 }, (_, index) => createHash('sha256').update(String(index)).digest()),
);

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** Answers like a good server: ranges, tags, lengths. */
function serve(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, tag = '"v1"'): void {
  response.setHeader('etag', tag);
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const condition = request.headers['if-range'];
  if (from === undefined || (condition !== undefined && condition !== tag)) {
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    return;
  }
  const start = Number(from);
  if (start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  response
    .writeHead(206, {
      'content-length': bytes.length - start,
      'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
    })
    .end(bytes.subarray(start));
}

/** Sends the first bytes of a promised whole, then cuts the connection. */
function cutAfter(response: ServerResponse, bytes: Uint8Array, count: number, headers: object = {}): void {
  response.writeHead(200, { 'content-length': bytes.length, etag: '"v1"', ...headers });
  response.write(bytes.subarray(0, count), () => setTimeout(() => response.destroy(), 50));
}

describe('pull', () => {
  const temporary = temporaryFolder();
  let server: Server;
  let base: string;
  let handler: Handler;
  let requests: IncomingMessage[];
  let number = 0;

  before(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      handler(request, response, requests.length);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    requests = [];
    number++;
  });

  const cache = () => temporary(`cache-${number}`);
  const quick = (): PullOptions => ({ cache: cache(), timeoutSeconds: 1, backoffSeconds: 0.01, attempts: 3 });
  const output = () => temporary(`out-${number}.bin`);
  const fetchTo = (options: PullOptions = {}) =>
    pull(`${base}/weights.bin`, { ...quick(), output: output(), ...options });
  const failureOf = async (promise: Promise<unknown>): Promise<Error> => {
    const result = await promise.then(
      () => undefined,
      (error: Error) => error,
    );
    expect(result, 'it should fail').to.be.instanceOf(Error);
    return result!;
  };
  const leftovers = () => readdirSync(temporary('')).filter((name) => name.includes('partial'));

  it('a file arrives whole, is checked, and is kept for the next time', async () => {
    handler = (request, response) => serve(request, response, BYTES);
    const seen: number[] = [];
    const options = {
      sha256: sha256(BYTES),
      onProgress: (_: string, bytes: number) => void seen.push(bytes),
    };
    await fetchTo(options);
    expect(readFileSync(output()).equals(BYTES)).to.equal(true);
    expect(seen.at(-1)).to.equal(BYTES.length);
    await fetchTo(options);
    expect(requests).to.have.length(1);
    expect(leftovers()).to.deep.equal([]);
  });

  it('a cut connection is continued where it ended', async () => {
    handler = (request, response, count) => {
      if (count === 1) cutAfter(response, BYTES, 300_000);
      else serve(request, response, BYTES);
    };
    await fetchTo();
    expect(readFileSync(output()).equals(BYTES)).to.equal(true);
    const [, range] = requests.map(({ headers }) => headers.range);
    const start = Number(/^bytes=(\d+)-$/.exec(range!)![1]);
    expect(start).to.be.within(1, 300_000);
    expect(requests[1]!.headers['if-range']).to.equal('"v1"');
  });

  it('another process continues what one left; a changed file is fetched anew', async () => {
    for (const tag of ['"v1"', '"v2"']) {
      number++;
      requests = [];
      const changed = tag === '"v1"' ? BYTES : Buffer.from(BYTES.toReversed());
      handler = (_, response) => cutAfter(response, BYTES, 300_000);
      await failureOf(fetchTo({ attempts: 1 }));
      expect(existsSync(output())).to.equal(false);
      expect(readdirSync(cache()).some((name) => name.endsWith('.partial'))).to.equal(true);
      handler = (request, response) => serve(request, response, changed, tag);
      await fetchTo();
      expect(readFileSync(output()).equals(changed), tag).to.equal(true);
      expect(requests.at(-1)!.headers.range).to.match(/^bytes=\d+-$/);
    }
  });

  it('two that fetch the same at once do not write into one file', async () => {
    const waiting: ServerResponse[] = [];
    handler = (_, response) => {
      waiting.push(response);
      response.writeHead(200, { 'content-length': BYTES.length, etag: '"v1"' });
      response.write(BYTES.subarray(0, 300_000));
      // Each goes on when the other is half way, too.
      if (waiting.length === 2)
        setTimeout(() => {
          for (const one of waiting) one.end(BYTES.subarray(300_000));
        }, 100);
    };
    const outputs = [temporary('first.bin'), temporary('second.bin')];
    const timeoutSeconds = 5;
    const first = fetchTo({ timeoutSeconds, output: outputs[0]! });
    while (waiting.length === 0) await new Promise((done) => setTimeout(done, 10));
    // By now something of it is there to be continued.
    await new Promise((done) => setTimeout(done, 100));
    await Promise.all([first, fetchTo({ timeoutSeconds, output: outputs[1]! })]);
    for (const path of outputs) expect(readFileSync(path).equals(BYTES)).to.equal(true);
    expect(requests.map(({ headers }) => headers.range)).to.deep.equal([undefined, undefined]);
    expect(readdirSync(cache())).to.have.length(1);
  });

  it('the lock of a process that was killed does not keep what it left from being continued', async () => {
    handler = (_, response) => cutAfter(response, BYTES, 300_000);
    await failureOf(fetchTo({ attempts: 1 }));
    const partial = readdirSync(cache()).find((name) => name.endsWith('.partial'))!;
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const holder = JSON.stringify({ host: hostname(), pid, started: '' });
    writeFileSync(join(cache(), `${partial}.lock`), holder);
    handler = (request, response) => serve(request, response, BYTES);
    await fetchTo();
    expect(requests.at(-1)!.headers.range).to.match(/^bytes=\d+-$/);
    expect(readdirSync(cache())).to.have.length(1);
  });

  it('a file that was complete but for its name is not fetched again', async () => {
    handler = (_, response) => cutAfter(response, BYTES, 300_000);
    await failureOf(fetchTo({ attempts: 1 }));
    const [partial] = readdirSync(cache()).filter((name) => name.endsWith('.partial'));
    writeFileSync(join(cache(), partial!), BYTES);
    handler = (request, response) => serve(request, response, BYTES);
    await fetchTo({ sha256: sha256(BYTES) });
    expect(readFileSync(output()).equals(BYTES)).to.equal(true);
  });

  it('a silent server is given up after the timeout and tried again', async () => {
    handler = (request, response, count) => {
      if (count > 1) return serve(request, response, BYTES);
      response.writeHead(200, { 'content-length': BYTES.length, etag: '"v1"' });
      response.write(BYTES.subarray(0, 1000));
    };
    await fetchTo();
    expect(readFileSync(output()).equals(BYTES)).to.equal(true);
    expect(requests).to.have.length(2);
  });

  it('an overloaded server is tried again, one that stays so is reported', async () => {
    handler = (request, response, count) => {
      if (count <= 2) response.writeHead(503).end();
      else serve(request, response, BYTES);
    };
    await fetchTo();
    expect(requests).to.have.length(3);
    number++;
    handler = (_, response) => void response.writeHead(503).end();
    const failure = await failureOf(fetchTo());
    expect(failure).to.be.instanceOf(NetworkError);
    expect(failure.message)
      .to.include('status 503')
      .and.include('/weights.bin')
      .and.include('run the command again');
  });

  it('a file that is not there, or not for everyone, is said at once', async () => {
    for (const [status, text] of [
      [404, 'no such file'],
      [403, 'HF_TOKEN'],
    ] as const) {
      requests = [];
      handler = (_, response) => void response.writeHead(status).end();
      expect((await failureOf(fetchTo())).message).to.include(text);
      expect(requests).to.have.length(1);
    }
  });

  it('wrong bytes are refused and forgotten', async () => {
    const wrong = Buffer.from(BYTES);
    wrong[500_000]! ^= 1;
    handler = (request, response) => serve(request, response, wrong);
    const failure = await failureOf(fetchTo({ sha256: sha256(BYTES) }));
    expect(failure.message).to.include(sha256(BYTES)).and.include(sha256(wrong));
    expect([existsSync(output()), readdirSync(cache())]).to.deep.equal([false, []]);
  });

  it('lengths that lie: too short is continued, too long is refused', async () => {
    // A length below what follows makes HTTP end early; the hash tells.
    handler = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.end(BYTES.subarray(0, 1000));
    };
    expect((await failureOf(fetchTo({ sha256: sha256(BYTES) }))).message).to.include('checksum');
    number++;
    const where = temporary(`direct-${number}`);
    handler = (request, response) => serve(request, response, BYTES);
    const sized = download(`${base}/x`, where, { timeoutSeconds: 1, size: BYTES.length - 1 });
    expect((await failureOf(sized)).message).to.include(`offers ${BYTES.length} bytes`);
    // Without any length, what comes is counted.
    handler = (_, response) => {
      response.writeHead(200);
      response.end(BYTES);
    };
    const counted = download(`${base}/x`, where, { timeoutSeconds: 1, size: 10 });
    expect((await failureOf(counted)).message).to.include('more bytes came than announced');
    expect(existsSync(where)).to.equal(false);
  });

  it('a range that is not the one asked for is not believed', async () => {
    handler = (request, response, count) => {
      if (count === 1) return cutAfter(response, BYTES, 300_000);
      if (count > 2) return serve(request, response, BYTES);
      const part = BYTES.subarray(100);
      response
        .writeHead(206, { 'content-range': `bytes 100-${BYTES.length - 1}/${BYTES.length}`, etag: '"v1"' })
        .end(part);
    };
    await fetchTo({ sha256: sha256(BYTES) });
    expect(readFileSync(output()).equals(BYTES)).to.equal(true);
  });

  it('offline, only the cache counts', async () => {
    handler = (request, response) => serve(request, response, BYTES);
    expect((await failureOf(fetchTo({ offline: true }))).message).to.include('not in the cache');
    expect(requests).to.have.length(0);
    await fetchTo();
    await fetchTo({ offline: true });
    expect(requests).to.have.length(1);
  });

  /** A hub that holds the tiny model under `someone/tiny`, with what tests change. */
  const hub = (
    change: { files?: Record<string, Buffer>; listed?: { readonly path: string }[]; start?: string } = {},
  ): Handler => {
    const paths = [
      'config.json',
      'model.safetensors',
      'README.md',
      'tokenizer/config.json',
      'tokenizer/model.safetensors',
    ];
    const files: Record<string, Buffer> = Object.fromEntries(
      paths.map((path) => [path, readFileSync(tiny + path)]),
    );
    const listing = [
      { type: 'directory', path: 'tokenizer', oid: '0' },
      ...Object.entries(files).map(([path, bytes]) =>
        path.endsWith('.safetensors')
          ? {
              type: 'file',
              path,
              size: bytes.length,
              oid: '1',
              lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 1 },
            }
          : { type: 'file', path, size: bytes.length, oid: gitBlob(bytes) },
      ),
    ];
    const changed = change.listed ?? [];
    const kept = listing.filter(({ path }) => !changed.some((entry) => entry.path === path));
    const served = { ...files, ...change.files };
    return (request, response) => {
      const url = new URL(request.url!, base);
      if (url.pathname === '/api/models/someone/tiny/tree/main') {
        response.end(`${change.start ?? ''}${JSON.stringify([...kept, ...changed])}`);
        return;
      }
      const bytes = served[url.pathname.replace('/someone/tiny/resolve/main/', '')];
      if (bytes) serve(request, response, bytes, `"${sha256(bytes)}"`);
      else response.writeHead(404).end();
    };
  };
  const pullTiny = (options: PullOptions = {}) =>
    pull('someone/tiny', { ...quick(), hub: `${base}/`, output: temporary(`model-${number}`), ...options });

  it('a repository becomes a model folder', async () => {
    handler = hub();
    const { output: folder } = await pullTiny();
    expect(openGenerator(folder).weights.size).to.equal(openGenerator(tiny).weights.size);
    for (const path of ['config.json', 'model.safetensors', 'tokenizer/model.safetensors'])
      expect(readFileSync(join(folder, path)).equals(readFileSync(tiny + path)), path).to.equal(true);
    const again = await pullTiny({ output: temporary('offline'), offline: true });
    expect(openGenerator(again.output).config).to.deep.equal(openGenerator(folder).config);
  });

  it('its files alone, by name', async () => {
    handler = hub();
    const { files } = await pullTiny({ files: ['tokenizer/config.json'] });
    expect(files).to.deep.equal([temporary(`model-${number}/tokenizer/config.json`)]);
    for (const file of ['missing.pt', '../config.json'])
      expect((await failureOf(pullTiny({ files: [file], output: temporary('no') }))).message).to.include(
        file,
      );
  });

  it('wrong bytes of a small or large file, and models that do not open, leave no folder', async () => {
    const config = readFileSync(`${tiny}config.json`, 'utf8');
    for (const path of ['config.json', 'model.safetensors']) {
      const bytes = Buffer.from(readFileSync(tiny + path));
      bytes[bytes.length - 2]! ^= 1;
      handler = hub({ files: { [path]: bytes } });
      expect((await failureOf(pullTiny())).message)
        .to.include(path)
        .and.include('checksum');
      number++;
    }
    const broken = Buffer.from(config.replace('"n_layer": 4', '"n_layer": 6'));
    const entry = { type: 'file', path: 'config.json', size: broken.length, oid: gitBlob(broken) };
    handler = hub({ files: { 'config.json': broken }, listed: [entry] });
    expect((await failureOf(pullTiny())).message)
      .to.include('not a usable model')
      .and.include('missing');
    expect(existsSync(temporary(`model-${number}`))).to.equal(false);
    expect(leftovers()).to.deep.equal([]);
  });

  it('paths that leave the folder are not listed, odd listings are refused', () => {
    const oid = '0'.repeat(40);
    const paths = ['../x', '/etc/passwd', 'a/../../b', 'a\\b', 'good/file'];
    const listing = JSON.stringify(paths.map((path) => ({ type: 'file', path, size: 1, oid })));
    expect(parseListing(listing, 'hub').map(({ path }) => path)).to.deep.equal(['good/file']);
    expect(() => parseListing('{"error":"no"}', 'hub')).to.throw(InputError, 'hub');
    expect(() => parseListing('<html>', 'hub')).to.throw(InputError, 'not valid JSON');
  });

  it('paths are taken under the name that they show, on Windows without what it takes for other names', () => {
    for (const path of [
      'a\u001b[31m',
      'a\nb',
      'a\0',
      'x\u202egnp.exe',
      '\ufeffa',
      'a/'.repeat(600),
      '/a',
      'a//b',
      '',
    ])
      expect(isInnerPath(path), path).to.equal(false);
    const windows = ['con', 'NUL.txt', 'a/com1', 'lpt9.x', 'a:b', 'C:', 'a.', 'a ', 'a?', 'a/b*'];
    for (const path of windows)
      expect([isInnerPath(path, 'linux'), isInnerPath(path, 'win32')], path).to.deep.equal([true, false]);
    for (const path of ['tokenizer/config.json', 'größe/模型.pt', 'console.txt'])
      expect(isInnerPath(path, 'win32'), path).to.equal(true);
  });

  it('a listing with a wanted file twice, or under two spellings, is refused', async () => {
    const entry = (path: string, size = 1) => ({ type: 'file', path, size, oid: '0'.repeat(40) });
    handler = hub({ listed: [entry('config.json'), entry('config.json', 2)] });
    expect((await failureOf(pullTiny())).message).to.include("'config.json' twice");
    handler = hub({ listed: [entry('A.pt'), entry('a.pt')] });
    expect((await failureOf(pullTiny({ files: ['A.pt', 'a.pt'] }))).message).to.include(
      "both 'A.pt' and 'a.pt'",
    );
    // What nobody wants does not matter.
    handler = hub({ listed: [entry('x'), entry('x'), entry('A.pt'), entry('a.pt')], start: '\ufeff' });
    await pullTiny();
  });

  /** Sends chunks until the connection ends. */
  const endless = (response: ServerResponse, chunk: Uint8Array | string): void => {
    const chunks = function* () {
      for (;;) yield chunk;
    };
    // That the client goes is what ends it.
    pipeline(Readable.from(chunks(), { objectMode: false }), response).catch(() => {});
  };

  it('a listing without end is cut off, as is one too long', async () => {
    handler = (_, response) => endless(response, `[${' '.repeat(65_536)}`);
    expect((await failureOf(pullTiny())).message).to.include('more bytes came than announced or allowed');
    handler = (_, response) => void response.writeHead(200, { 'content-length': 2 ** 30 }).write('[');
    expect((await failureOf(pullTiny())).message).to.include('1073741824 bytes are more than the 8388608');
    expect(readdirSync(cache())).to.deep.equal([]);
  });

  it('a body without end is cut off at the size that is known, or else at the most that is taken', async () => {
    handler = (_, response) => endless(response, BYTES);
    const options = { timeoutSeconds: 5, attempts: 1 };
    for (const limit of [{ size: 3_000_000 }, { maxBytes: 3_000_000 }]) {
      const failure = await failureOf(download(`${base}/x`, output(), { ...options, ...limit }));
      expect(failure).to.be.instanceOf(InputError);
      expect(failure.message).to.include('more bytes came');
    }
    for (const length of ['99999999999999999999', '1e400', '-1', 'x']) {
      handler = (request, response) => {
        request.socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\nabc`);
        response.destroy();
      };
      const failure = await failureOf(download(`${base}/x`, output(), { ...options, maxBytes: 10 }));
      expect(failure, length).to.be.instanceOf(NetworkError);
    }
    expect(existsSync(output())).to.equal(false);
  });

  it('redirects are followed on the web alone, and not for ever', async () => {
    handler = (request, response) => {
      if (request.url === '/weights.bin') response.writeHead(302, { location: 'other/place?x=1' }).end();
      else serve(request, response, BYTES);
    };
    await fetchTo({ sha256: sha256(BYTES) });
    expect(requests.map(({ url }) => url)).to.deep.equal(['/weights.bin', '/other/place?x=1']);
    for (const location of [
      'file:///etc/passwd',
      'ftp://127.0.0.1/x',
      'data:,x',
      'javascript:1',
      'http://',
      '',
    ]) {
      number++;
      requests = [];
      handler = (_, response) => void response.writeHead(307, { location }).end();
      const { message } = await failureOf(fetchTo());
      if (location !== '') expect(message).to.include(`redirects to '${location}', which is not followed`);
      expect(requests.length, location).to.equal(location === '' ? 21 : 1);
    }
    number++;
    handler = (_, response) => void response.writeHead(301, { location: '/again' }).end();
    expect((await failureOf(fetchTo())).message).to.include('redirects in a circle');
  });

  it('a token is not sent on to where the hub redirects', async () => {
    const other = createServer((request, response) => {
      requests.push(request);
      serve(request, response, BYTES);
    });
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/file`;
    handler = (request, response) =>
      void response.writeHead(302, { location: request.url === '/x' ? '/y' : elsewhere }).end();
    await download(`${base}/x`, output(), { timeoutSeconds: 2, token: 'secret' });
    expect(requests.map(({ headers }) => headers.authorization)).to.deep.equal([
      'Bearer secret',
      'Bearer secret',
      undefined,
    ]);
    other.close();
  });

  it('sources are told apart', async () => {
    expect(parseRepository('a/b@v1', 'http://h//')).to.deep.equal({
      base: 'http://h',
      name: 'a/b',
      revision: 'v1',
    });
    for (const source of ['../b', 'a/..', 'a', 'a/b/c', 'a/b@../c', 'ftp://h/x', ''])
      expect(await failureOf(pull(source, quick())), source).to.be.instanceOf(UsageError);
    expect((await failureOf(pull('a/b', { ...quick(), sha256: 'abc' }))).message).to.include(
      '64 hexadecimal',
    );
  });

  it('the token goes to the hub, never to the host of a plain URL', async () => {
    handler = hub();
    await pullTiny({ token: 'secret' });
    expect(requests.every(({ headers }) => headers.authorization === 'Bearer secret')).to.equal(true);
    requests = [];
    number++;
    handler = (request, response) => serve(request, response, BYTES);
    await fetchTo({ token: 'secret' });
    expect(requests.map(({ headers }) => headers.authorization)).to.deep.equal([undefined]);
  });

  it('the cache lies where the XDG rules say', () => {
    expect(cacheFolder({ ARPG_CACHE: '/x' })).to.equal('/x');
    expect(cacheFolder({ XDG_CACHE_HOME: '/c' })).to.equal('/c/arpg');
    expect(cacheFolder({ XDG_CACHE_HOME: 'relative' })).to.match(/\/\.cache\/arpg$/);
  });

  describe('command', () => {
    /** Runs `arpg pull` beside this process, which serves. */
    const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      new Promise<{ code: number | null; errors: string; text: string }>((done) => {
        const child = spawn(process.execPath, [program, 'pull', ...args], {
          cwd: temporary(''),
          env: { ...process.env, ARPG_CACHE: cache(), DEBUG: '', ...env },
        });
        let [errors, text] = ['', ''];
        child.stderr.on('data', (chunk) => (errors += chunk));
        child.stdout.on('data', (chunk) => (text += chunk));
        child.on('close', (code) => done({ code, errors, text }));
      });

    it('pulls from a hub of that address, reports, and says in one line what is wrong', async () => {
      handler = hub();
      const good = await command(['someone/tiny', '-o', 'pulled', '--json'], { HF_ENDPOINT: base });
      expect([good.code, good.errors]).to.deep.equal([0, 'wrote pulled\n']);
      expect(JSON.parse(good.text).files).to.include('pulled/model.safetensors');
      const again = await command(['someone/tiny', '-o', 'pulled'], { HF_ENDPOINT: base });
      expect([again.code, again.errors.includes('already exists')]).to.deep.equal([5, true]);
      const missing = await command([`${base}/nothing.pt`]);
      expect([missing.code, missing.errors.trim().split('\n').length]).to.deep.equal([3, 1]);
      expect((await command(['one'])).code).to.equal(2);
      handler = (request) => void request.socket.destroy();
      const cut = await command([`${base}/cut.pt`, '--timeout', '1']);
      expect([cut.code, cut.errors.trim().split('\n').length], cut.errors).to.deep.equal([6, 1]);
    }).timeout(60_000);

    it('goes through the proxy that the environment names', async () => {
      handler = (request, response) => {
        expect(request.url).to.equal('http://weights.invalid/w.bin');
        serve(request, response, BYTES);
      };
      // A proxy of plain HTTP may be asked by CONNECT, as this client does.
      server.on('connect', (request, socket) => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.once('data', () => {
          socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n${'hello'}`);
        });
        expect(request.url).to.equal('weights.invalid:80');
      });
      const env = { http_proxy: base, HTTP_PROXY: base, no_proxy: '', NO_PROXY: '' };
      const { code, errors } = await command(['http://weights.invalid/w.bin', '-o', 'proxied.bin'], env);
      expect([code, errors]).to.deep.equal([0, 'wrote proxied.bin\n']);
      expect(readFileSync(temporary('proxied.bin')).length).to.be.above(0);
    }).timeout(60_000);

    it('killed in the middle, it continues', async () => {
      handler = (_, response) => {
        response.writeHead(200, { 'content-length': BYTES.length, etag: '"v1"' });
        response.write(BYTES.subarray(0, 400_000));
      };
      const child = spawn(
        process.execPath,
        [program, 'pull', `${base}/w.bin`, '-o', temporary('killed.bin')],
        {
          env: { ...process.env, ARPG_CACHE: cache() },
        },
      );
      const gone = new Promise((done) => child.on('close', done));
      const deadline = Date.now() + 30_000;
      const there = () =>
        existsSync(cache()) && readdirSync(cache()).some((name) => name.endsWith('.partial'));
      while (!there() && Date.now() < deadline) await new Promise((done) => setTimeout(done, 50));
      await new Promise((done) => setTimeout(done, 300));
      child.kill('SIGKILL');
      await gone;
      handler = (request, response) => serve(request, response, BYTES);
      requests = [];
      const { code } = await command([`${base}/w.bin`, '-o', temporary('killed.bin')]);
      expect(code).to.equal(0);
      expect(readFileSync(temporary('killed.bin')).equals(BYTES)).to.equal(true);
      expect(requests[0]!.headers.range).to.match(/^bytes=[1-9]\d*-$/);
    }).timeout(60_000);
  });

  it('a cache that cannot be written is named', async () => {
    handler = (request, response) => serve(request, response, BYTES);
    mkdirSync(temporary('blocked'));
    writeFileSync(temporary('blocked/file'), '');
    const failure = await failureOf(fetchTo({ cache: temporary('blocked/file') }));
    expect(failure.message).to.include('blocked/file').and.include('cannot be written');
  });
});
