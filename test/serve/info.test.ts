import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import type { RunningServer } from '../../src/serve/server.js';
import { offered, serveDigits } from '../support/server.js';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

describe('what a server says of itself', () => {
  let server: RunningServer;
  const get = async (path: string) => (await fetch(`${server.url}${path}`)).json() as Promise<unknown>;
  before(async () => {
    server = await serveDigits({ models: [offered('digits'), offered('emoji')] });
  });
  after(() => server.stop());

  it('lists the classes of a model, also those that a text is in', async () => {
    const { data } = (await get('/v1/models/emoji/classes?filter=MEDAL')) as { data: { name: string }[] };
    expect(data.length).to.be.within(3, 30);
    for (const { name } of data) expect(name).to.contain('medal');
    const all = (await get('/v1/models/digits/classes')) as { data: object[] };
    expect(all.data).to.deep.equal(
      Array.from({ length: 10 }, (_, index) => ({ index, name: String(index) })),
    );
  });

  it('tells a model’s sizes and defaults', async () => {
    expect(await get('/v1/models/emoji')).to.deep.include({
      ...{ width: 32, height: 32, token_pixels: 4, classes: 1906, edits: true, free_steps: true },
      defaults: { steps: 64, guidance: 1, no_guidance: 1, temperature: 0.8, top_p: 0.9 },
    });
  });

  it('describes itself in OpenAPI, with the schemas that requests are checked with', async () => {
    const document = (await get('/openapi.json')) as Document;
    expect(document.openapi).to.equal('3.1.0');
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    for (const schema of Object.values(document.components.schemas))
      expect(ajv.validateSchema(schema)).to.equal(true);
    const accepts = (name: string, value: object) => ajv.compile(document.components.schemas[name]!)(value);
    expect(accepts('sample', { class: '3', steps: 4 })).to.equal(true);
    expect(accepts('sample', { class: '3', steps: 0 })).to.equal(false);
    expect(accepts('generations', { prompt: '3', n: 17 })).to.equal(false);
  });

  it('answers to every path of the document, and has no others', async () => {
    const { paths } = (await get('/openapi.json')) as Document;
    for (const [path, methods] of Object.entries(paths))
      for (const method of Object.keys(methods)) {
        const own = path.replace('{id}', 'digits').replace('{name}', 'none.png');
        const answer = await fetch(`${server.url}${own}`, { method: method.toUpperCase() });
        // Without a body, what draws refuses the media type; a picture that is none is not found.
        const expected = method === 'post' ? 415 : path.includes('{name}') ? 404 : 200;
        expect(answer.status, `${method} ${path}`).to.equal(expected);
      }
  });

  it('serves a page that needs nothing from elsewhere', async () => {
    const page = await fetch(server.url);
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).to.contain("default-src 'none'").and.to.contain("script-src 'self'");
    expect(policy).not.to.match(/unsafe|https?:|\*/);
    expect(page.headers.get('x-content-type-options')).to.equal('nosniff');
    const texts = await Promise.all(
      ['/', '/page.js', '/page.css', '/icon.svg'].map(async (path) =>
        (await fetch(`${server.url}${path}`)).text(),
      ),
    );
    for (const text of texts) {
      expect(text.length).to.be.greaterThan(100);
      expect(text.replaceAll('http://www.w3.org/2000/svg', '')).not.to.match(
        /https?:\/\/|@import|\bsrc="\/\//,
      );
    }
    expect(texts[0]).not.to.match(/<script>|style=|onclick=/);
  });
});
