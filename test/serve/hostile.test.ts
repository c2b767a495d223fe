import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { encodePng, type RgbImage } from '../../src/index.js';
import type { RunningServer } from '../../src/serve/server.js';
import { startServer } from '../../src/serve/server.js';
import { eventsOf, failureOf, named, offered, post, rawRequest, serveDigits } from '../support/server.js';

const JSON_TYPE = { 'content-type': 'application/json' };

interface Health {
  readonly status: string;
  readonly queue: { readonly taken: number; readonly limit: number };
}

const health = async ({ url }: RunningServer): Promise<Health> =>
  (await (await fetch(`${url}/healthz`)).json()) as Health;

/** Waits until nothing is under way, and says how many milliseconds that took. */
async function idleAfter(server: RunningServer): Promise<number> {
  const start = performance.now();
  while ((await health(server)).queue.taken > 0) await new Promise((done) => setTimeout(done, 5));
  return performance.now() - start;
}

/** Sends bytes and waits until the server closes the connection. */
function sendSlowly(port: number, text: string): Promise<{ answer: string; milliseconds: number }> {
  return new Promise((resolve) => {
    const start = performance.now();
    let answer = '';
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ answer, milliseconds: performance.now() - start }));
  });
}

/** A picture of pixels that follow no rule. */
function noiseOf(width: number, height: number): RgbImage {
  let state = 1;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
  return { width, height, data };
}

/** A black picture whose left upper corner is white. */
function cornerOf(width: number, height: number, side: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < side; row++) data.fill(255, row * width * 3, (row * width + side) * 3);
  return { width, height, data };
}

describe('a server among hostile clients', () => {
  let server: RunningServer;
  before(async () => {
    server = await serveDigits({
      models: [offered('digits'), offered('emoji')],
      limits: {
        ...{ queue: 3, bodyBytes: 200_000, textBytes: 5000, pixels: 512 * 512 },
        ...{ headMilliseconds: 400, requestMilliseconds: 800 },
      },
    });
  });
  after(() => server.stop());
  afterEach(async () => {
    expect((await health(server)).queue.taken, 'places that are still taken').to.equal(0);
  });

  it('refuses names that lead here and pages of other sites', async () => {
    const ask = (headers: Readonly<Record<string, string>>) => rawRequest(server, '/v1/models', { headers });
    expect((await ask({ host: 'evil.example' })).status).to.equal(421);
    expect((await ask({ host: `localhost:${server.port}` })).status).to.equal(200);
    expect((await ask({ host: 'localhost', origin: 'http://evil.example' })).status).to.equal(403);
    expect((await ask({ host: 'localhost', 'sec-fetch-site': 'cross-site' })).status).to.equal(403);
    const form = { host: 'localhost', origin: 'null', 'content-type': 'multipart/form-data; boundary=x' };
    const posted = await rawRequest(server, '/v1/images/edits', { method: 'POST', headers: form }, '--x--');
    expect(posted.status).to.equal(403);
    expect(posted.headers['access-control-allow-origin']).to.equal(undefined);
  });

  it('gives no file but the page', async () => {
    const paths = [
      '/../package.json',
      '/%2e%2e/package.json',
      '/page.js/../../x',
      '/v1/pictures/..%2f..%2fx',
    ];
    const others = [
      '/v1/models/..%2F..%2Fetc%2Fpasswd',
      '/v1/models/%00',
      '/%',
      '//etc/passwd',
      '/v1/models/x/classes',
    ];
    for (const path of [...paths, ...others]) {
      const { status, text } = await rawRequest(server, path);
      expect(status, path).to.be.within(400, 404);
      expect(text, path).not.to.contain('root:');
      expect(text, path).not.to.match(/node_modules|\/src\/|at \w+ \(/);
    }
  });

  it('takes only what it reads', async () => {
    const failure = (
      body: string,
      headers: Readonly<Record<string, string>> = JSON_TYPE,
      path = '/v1/arpg/sample',
    ) => failureOf(fetch(`${server.url}${path}`, { method: 'POST', body, headers }));
    for (const body of ['', '{', '[1', 'null', '[]', '"x"', '1', '\u0000', `${'['.repeat(4000)}`])
      expect((await failure(body)).status, body.slice(0, 9)).to.equal(400);
    const proto = await failure('{"__proto__": {"class": 1}, "constructor": 1}');
    expect(proto).to.include({ status: 400, code: 'unknown_parameter' });
    expect((await failure('{}', { 'content-type': 'text/plain' })).status).to.equal(415);
    expect((await failure('{}', {})).status).to.equal(415);
    const broken = { 'content-type': 'multipart/form-data; boundary=x' };
    for (const body of ['', '--x', '--x\r\n\r\nabc', 'a'.repeat(999)])
      expect((await failure(body, broken, '/v1/images/edits')).status, body).to.equal(400);
    const part = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n';
    const parts = failure(`${part.repeat(1000)}--x--\r\n`, broken, '/v1/images/edits');
    expect((await parts).message).to.contain('more than 64 parts');
    const form = new FormData();
    form.append('prompt', '3');
    form.append('prompt', '4');
    const twice = await failureOf(fetch(`${server.url}/v1/images/edits`, { method: 'POST', body: form }));
    expect(twice.message).to.contain('twice');
    expect((await rawRequest(server, '/v1/arpg/sample', { method: 'DELETE' })).status).to.equal(405);
  });

  it('stops reading bodies that are too large, announced or not', async () => {
    const long = `{"class": "${'x'.repeat(6000)}"}`;
    expect((await failureOf(post(server, '/v1/arpg/sample', long))).status).to.equal(413);
    const chunked = fetch(`${server.url}/v1/arpg/inpaint`, {
      method: 'POST',
      headers: JSON_TYPE,
      duplex: 'half',
      body: new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(50_000).fill(32)),
      }),
    } as RequestInit);
    // The answer comes while the client still sends, so that some clients see a broken connection instead.
    const status = await chunked.then(
      (answer) => answer.status,
      () => 413,
    );
    expect(status).to.equal(413);
    await idleAfter(server);
  });

  it('looks at the size of a picture before it decodes it', async () => {
    // A PNG that announces 60000×60000 pixels in some bytes.
    const head = Buffer.from('iVBORw0KGgoAAAANSUhEUg==', 'base64');
    const size = Buffer.alloc(13);
    size.writeUInt32BE(60_000, 0);
    size.writeUInt32BE(60_000, 4);
    const image = Buffer.concat([head, size, Buffer.alloc(30)]).toString('base64');
    const start = performance.now();
    const failure = await failureOf(post(server, '/v1/arpg/edit', { image, class: 1, keep: 0.5 }));
    expect(failure).to.include({ status: 400, code: 'picture_too_large', param: 'image' });
    expect(performance.now() - start).to.be.below(1000);
  });

  it('drops clients that send their request too slowly, and keeps no place for them', async () => {
    const head = `POST /v1/arpg/sample HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    const [noHead, noBody] = await Promise.all([
      sendSlowly(server.port, 'GET /healthz HTTP/1.1\r\nHost: localh'),
      sendSlowly(server.port, `${head}Content-Length: 100\r\n\r\n{"class"`),
    ]);
    for (const { answer, milliseconds } of [noHead, noBody]) {
      expect(milliseconds).to.be.within(300, 8000);
      expect(answer).to.match(/^$|408/);
    }
    await idleAfter(server);
  });

  it('answers 400 to what is no HTTP, and lives on', async () => {
    const { answer } = await sendSlowly(server.port, '\x16\x03\x01 hello\r\n\r\n');
    expect(answer).to.contain('400');
    expect((await health(server)).status).to.equal('ok');
  });

  it('ends the work of a client that has left, and goes on with the next', async () => {
    const body = { class: 'medal', model: 'emoji', count: 8, previews: false, seed: 1 };
    const started = performance.now();
    await eventsOf(post(server, '/v1/arpg/sample', body));
    const whole = performance.now() - started;
    for (const path of ['/v1/arpg/sample', '/v1/images/generations']) {
      const leaving = new AbortController();
      const { class: prompt, count: n, previews: _, ...others } = body;
      const value = path.endsWith('sample') ? body : { ...others, prompt, n };
      const gone = post(server, path, value, { signal: leaving.signal }).then((answer) => answer.text());
      await new Promise((done) => setTimeout(done, whole / 10));
      expect((await health(server)).queue.taken, path).to.equal(1);
      leaving.abort();
      await gone.catch(() => {});
      expect(await idleAfter(server), `${path} of ${whole} ms`).to.be.below(Math.max(whole / 2, 200));
    }
    expect(named(await eventsOf(post(server, '/v1/arpg/sample', { class: 3 })), 'picture')).to.have.length(1);
  });

  it('is not held up by a client that does not read, and drops it', async () => {
    const patient = await serveDigits({ limits: { answerMilliseconds: 2000 } });
    try {
      // Pictures that cannot be packed: each step is a quarter of a megabyte, more than connections hold by far.
      const image = Buffer.from(encodePng(noiseOf(256, 256))).toString('base64');
      const mask = Buffer.from(encodePng(cornerOf(256, 256, 16))).toString('base64');
      const body = JSON.stringify({ image, mask, class: 1, count: 16, steps: 16 });
      const head = `POST /v1/arpg/inpaint HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
      const socket = connect(patient.port, '127.0.0.1');
      const closed = new Promise((done) => socket.on('close', done));
      socket.on('error', () => {});
      socket.pause();
      socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
      await new Promise((done) => setTimeout(done, 100));
      const events = await eventsOf(post(patient, '/v1/arpg/sample', { class: 3 }));
      expect(named(events, 'picture')).to.have.length(1);
      socket.resume();
      await closed;
    } finally {
      await patient.stop();
    }
  });

  it('says when to come again when the queue is full, and who waits how many are before', async () => {
    const body = { class: 'medal', model: 'emoji', count: 2, previews: false };
    const answers = Array.from({ length: 6 }, () => post(server, '/v1/arpg/sample', body));
    const all = await Promise.all(answers);
    const refused = all.filter(({ status }) => status === 429);
    expect(refused).to.have.length(3);
    for (const answer of refused) {
      expect(Number(answer.headers.get('retry-after'))).to.be.within(1, 300);
      expect(await failureOf(answer)).to.include({ type: 'rate_limit_error', code: 'queue_full' });
    }
    const taken = await Promise.all(
      all.filter(({ status }) => status === 200).map((answer) => eventsOf(answer)),
    );
    expect(taken.map((events) => named(events, 'picture').length)).to.deep.equal([2, 2, 2]);
    expect(taken.flatMap((events) => named(events, 'queued').map(({ ahead }) => ahead)).sort()).to.deep.equal(
      [1, 2],
    );
  });

  it('keeps few models in memory', async () => {
    const small = await startServer({
      models: ['digits', 'emoji', 'tiny'].map(offered),
      ...{ load: { target: 'onnx', threads: 2 }, port: 0, limits: { loadedModels: 1 } },
    });
    try {
      for (const model of ['digits', 'emoji', 'tiny', 'digits']) {
        const events = await eventsOf(post(small, '/v1/arpg/sample', { class: 1, model, steps: 2 }));
        expect(events.at(-1)!.name, model).to.equal('done');
      }
    } finally {
      await small.stop();
    }
  });
});
