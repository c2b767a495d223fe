import { expect } from 'chai';
import OpenAI, { toFile } from 'openai';
import { encodePng, encodePngWithAlpha, load, type Model, type RgbImage, sample } from '../../src/index.js';
import type { RunningServer } from '../../src/serve/server.js';
import { failureOf, offered, pixelsOf, post, serveDigits, stripesOf } from '../support/server.js';

/** A mask that is transparent in its left upper quarter. */
function quarterMask({ width, height }: RgbImage): Uint8Array {
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let row = 0; row < height / 2; row++)
    for (let column = 0; column < width / 2; column++) data[(row * width + column) * 4 + 3] = 0;
  return encodePngWithAlpha({ width, height, data });
}

describe("the image endpoints of OpenAI's API", () => {
  let server: RunningServer;
  let client: OpenAI;
  let model: Model;
  before(async () => {
    model = await load(offered('digits').folder, { target: 'onnx', threads: 2 });
    server = await serveDigits({ token: 'secret-token' });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'secret-token', maxRetries: 0 });
  });
  after(async () => {
    await server.stop();
    await model.dispose();
  });

  it("answers OpenAI's client with the pictures that the library draws", async () => {
    const body = { model: 'digits', prompt: '3', n: 2, response_format: 'b64_json', seed: 5 } as const;
    const { data, created } = await client.images.generate(body);
    const { pictures } = await sample(model, { classes: ['3', '3'], seed: 5 });
    expect(created).to.be.closeTo(Date.now() / 1000, 60);
    expect(data!.map(({ revised_prompt: prompt }) => prompt)).to.deep.equal(['3', '3']);
    for (const [index, { image }] of pictures.entries())
      expect(Buffer.from(data![index]!.b64_json!, 'base64').equals(encodePng(image))).to.equal(true);
  });

  it('gives URLs of pictures that need no token, unless told otherwise', async () => {
    const { data } = await client.images.generate({ prompt: '7', size: 'auto' as '256x256' });
    const answer = await fetch(data![0]!.url!);
    expect(answer.headers.get('content-type')).to.equal('image/png');
    const { width, height } = pixelsOf(Buffer.from(await answer.arrayBuffer()).toString('base64'));
    expect([width, height]).to.deep.equal([32, 32]);
    const other = data![0]!.url!.replace(/[0-9a-f]{4}\.png/, '0000.png');
    expect((await fetch(other)).status).to.equal(404);
  });

  it('writes the format that is asked for', async () => {
    const formats = { jpeg: [0xff, 0xd8], webp: [0x52, 0x49], png: [0x89, 0x50] } as const;
    for (const [format, start] of Object.entries(formats)) {
      const { data } = await client.images.generate({
        ...{ prompt: '1', response_format: 'b64_json' as const, output_compression: 60 },
        output_format: format as keyof typeof formats,
      });
      expect([...Buffer.from(data![0]!.b64_json!, 'base64').subarray(0, 2)], format).to.deep.equal(start);
    }
  });

  it('draws other sizes of whole tokens', async () => {
    const body = { prompt: '3', size: '48x32' as '256x256', response_format: 'b64_json' as const };
    const { data } = await client.images.generate(body);
    const { width, height } = pixelsOf(data![0]!.b64_json!);
    expect([width, height]).to.deep.equal([48, 32]);
  });

  it('edits what is transparent in the mask and keeps all other pixels', async () => {
    const image = stripesOf(48, 40);
    const { data } = await client.images.edit({
      image: await toFile(encodePng(image), 'picture.png', { type: 'image/png' }),
      mask: await toFile(quarterMask(image), 'mask.png', { type: 'image/png' }),
      ...{ prompt: '8', n: 2, response_format: 'b64_json', model: 'digits' },
    });
    expect(data).to.have.length(2);
    for (const { b64_json: base64 } of data!) {
      const drawn = pixelsOf(base64!);
      expect([drawn.width, drawn.height]).to.deep.equal([48, 40]);
      let changed = 0;
      for (let pixel = 0; pixel < 48 * 40; pixel++) {
        const isSame = [0, 1, 2].every((c) => drawn.data[pixel * 4 + c] === image.data[pixel * 3 + c]);
        const isMasked = pixel % 48 < 24 && pixel < 20 * 48;
        if (!isMasked) expect(isSame, `pixel ${pixel}`).to.equal(true);
        else if (!isSame) changed++;
      }
      expect(changed).to.be.greaterThan(200);
    }
  });

  it('edits the transparent part of a picture without a mask, and takes a list of one picture', async () => {
    const image = await toFile(quarterMask(stripesOf(32, 32)), 'picture.png', { type: 'image/png' });
    const { data } = await client.images.edit({ image: [image], prompt: '8', response_format: 'b64_json' });
    const { data: drawn } = pixelsOf(data![0]!.b64_json!);
    expect(drawn.every((value, index) => index % 4 !== 3 || value === 255)).to.equal(true);
  });

  it("tells failures in the way that OpenAI's client understands", async () => {
    const wrong = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'another', maxRetries: 0 });
    const failure = async (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
    expect(await failure(wrong.models.list())).to.be.instanceOf(OpenAI.AuthenticationError);
    expect(await failure(client.images.generate({ prompt: 'giraffe' }))).to.deep.include({
      ...{ status: 400, param: 'prompt', code: 'class_not_found', type: 'invalid_request_error' },
    });
    expect(await failure(client.images.generate({ prompt: '3', model: 'dall-e-3' }))).to.be.instanceOf(
      OpenAI.NotFoundError,
    );
    const image = await toFile(encodePng(stripesOf(32, 32)), 'picture.png', { type: 'image/png' });
    expect(await failure(client.images.edit({ image, prompt: '3' }))).to.deep.include({
      ...{ status: 400, param: 'mask' },
    });
    expect(await failure(client.images.edit({ image, prompt: '3', size: '512x512' }))).to.deep.include({
      ...{ status: 400, param: 'size' },
    });
  });

  it('lists models', async () => {
    const ids: string[] = [];
    for await (const { id, object } of client.models.list()) ids.push(`${object} ${id}`);
    expect(ids).to.deep.equal(['model digits']);
    expect(await client.models.retrieve('digits')).to.deep.include({
      system: 'arpg',
      width: 32,
      classes: 10,
    });
  });

  it('keeps a picture of the settings asked for apart from OpenAI’s own names', async () => {
    const headers = { authorization: 'Bearer secret-token' };
    const steps = post(server, '/v1/images/generations', { prompt: '3', steps: 17 }, { headers });
    expect((await failureOf(steps)).message).to.contain('16 tokens; use 1 to 16');
  });
});
