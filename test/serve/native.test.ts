import { expect } from 'chai';
import { encodePng, encodePngWithAlpha, load, type Model, sample } from '../../src/index.js';
import type { RunningServer } from '../../src/serve/server.js';
import {
  eventsOf,
  failureOf,
  named,
  offered,
  pixelsOf,
  post,
  serveDigits,
  stripesOf,
} from '../support/server.js';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const PICTURE = stripesOf(40, 32);
const IMAGE = base64(encodePng(PICTURE));

/** A black picture with a white rectangle. */
function maskOf(left: number, top: number, right: number, bottom: number): string {
  const data = new Uint8Array(40 * 32 * 3);
  for (let row = top; row < bottom; row++) data.fill(255, (row * 40 + left) * 3, (row * 40 + right) * 3);
  return base64(encodePng({ width: 40, height: 32, data }));
}

describe('drawing with events', () => {
  let server: RunningServer;
  let model: Model;
  before(async () => {
    model = await load(offered('digits').folder, { target: 'onnx', threads: 2 });
    server = await serveDigits({ models: [offered('digits'), offered('emoji')] });
  });
  after(async () => {
    await server.stop();
    await model.dispose();
  });

  it('tells each step with what is known by then, and the picture that the library draws', async () => {
    const answer = await post(server, '/v1/arpg/sample', { class: '3', seed: 5, steps: 8 });
    expect(answer.headers.get('content-type')).to.contain('text/event-stream');
    const events = await eventsOf(answer);
    expect(events[0]).to.deep.equal({
      name: 'start',
      data: { model: 'digits', seed: 5, count: 1, width: 32, height: 32, steps: 8 },
    });
    const steps = named(events, 'step');
    expect(steps.map(({ step }) => step)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(steps.map(({ done }) => done)).to.deep.equal(
      steps.map(({ done }) => done).toSorted((a, b) => a - b),
    );
    expect(steps.at(-1)).to.include({ done: 16, total: 16 });
    // Grey where nothing is known yet: whole tokens of 8×8 pixels.
    const { data } = pixelsOf(steps[3]!.preview!);
    const isGrey = (pixel: number) => [0, 1, 2].every((channel) => data[pixel * 4 + channel] === 160);
    const greyIn = Array.from({ length: 16 }, (_, token) => {
      const corner = Math.floor(token / 4) * 8 * 32 + (token % 4) * 8;
      return Array.from({ length: 64 }, (_, at) => corner + Math.floor(at / 8) * 32 + (at % 8)).every(isGrey);
    });
    expect(greyIn.filter(Boolean)).to.have.length(16 - steps[3]!.done);
    const [picture, ...others] = named(events, 'picture');
    expect(others).to.deep.equal([]);
    expect(picture).to.deep.include({ picture: 0, class: { index: 3, name: '3' }, width: 32, height: 32 });
    const { pictures } = await sample(model, { classes: ['3'], seed: 5, steps: 8 });
    expect(picture!.image).to.equal(`data:image/png;base64,${base64(encodePng(pictures[0]!.image))}`);
    expect(events.at(-1)!.name).to.equal('done');
  });

  it('draws several pictures, each named by its number, without previews when they are not wanted', async () => {
    const body = { class: 7, count: 6, seed: 2, previews: false };
    const events = await eventsOf(post(server, '/v1/arpg/sample', body));
    expect(named(events, 'step')).to.deep.equal([]);
    expect(named(events, 'picture').map(({ picture }) => picture)).to.deep.equal([0, 1, 2, 3, 4, 5]);
  });

  it('draws a random class where none is named, none for null, and one of a group', async () => {
    const random = await eventsOf(post(server, '/v1/arpg/sample', { seed: 23 }));
    expect(named(random, 'picture')[0]!.class).to.deep.equal({ index: 3, name: '3' });
    const none = await eventsOf(post(server, '/v1/arpg/sample', { class: null }));
    expect(named(none, 'picture')[0]!.class).to.equal(null);
    const body = { class: 'medal', model: 'emoji', steps: 4, previews: false };
    const group = await eventsOf(post(server, '/v1/arpg/sample', body));
    expect(named(group, 'picture')[0]!.class!.name).to.contain('medal');
  });

  it('inpaints: previews and result keep what is not masked', async () => {
    const body = { image: IMAGE, mask: maskOf(8, 8, 24, 24), class: '8', seed: 1 };
    const events = await eventsOf(post(server, '/v1/arpg/inpaint', body));
    const pictures = [
      ...named(events, 'step').map(({ preview }) => preview!),
      named(events, 'picture')[0]!.image,
    ];
    expect(pictures.length).to.be.greaterThan(2);
    for (const picture of pictures) {
      const { data } = pixelsOf(picture);
      for (let pixel = 0; pixel < 40 * 32; pixel++) {
        const [row, column] = [Math.floor(pixel / 40), pixel % 40];
        if (row >= 8 && row < 24 && column >= 8 && column < 24) continue;
        for (const channel of [0, 1, 2])
          expect(data[pixel * 4 + channel]).to.equal(PICTURE.data[pixel * 3 + channel]);
      }
    }
    expect(named(events, 'step').at(-1)).to.include({ done: 4, total: 4 });
  });

  it('inpaints the transparent part of a picture and keeps the opacity elsewhere', async () => {
    const data = new Uint8Array(32 * 32 * 4).fill(255);
    for (let pixel = 0; pixel < 32 * 8; pixel++) data[pixel * 4 + 3] = 0;
    for (let pixel = 32 * 24; pixel < 32 * 32; pixel++) data[pixel * 4 + 3] = 200;
    const image = base64(encodePngWithAlpha({ width: 32, height: 32, data }));
    const events = await eventsOf(post(server, '/v1/arpg/inpaint', { image, class: '1' }));
    const drawn = pixelsOf(named(events, 'picture')[0]!.image);
    expect(drawn.data[3]).to.equal(255);
    expect(drawn.data[32 * 30 * 4 + 3]).to.equal(200);
  });

  it('outpaints, over more than one window', async () => {
    const body = { image: `data:image/png;base64,${IMAGE}`, left: 40, bottom: 8, class: '0' };
    const events = await eventsOf(post(server, '/v1/arpg/outpaint', body));
    expect(named(events, 'start')[0]).to.include({ width: 80, height: 40 });
    const drawn = pixelsOf(named(events, 'picture')[0]!.image);
    expect([drawn.width, drawn.height]).to.deep.equal([80, 40]);
    expect([...drawn.data.subarray(40 * 4, 40 * 4 + 3)]).to.deep.equal([...PICTURE.data.subarray(0, 3)]);
    const shares = named(events, 'step').map(({ done, total }) => done / total);
    expect(shares).to.deep.equal(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).to.equal(1);
  });

  it('edits by a share to keep: another picture for each number', async () => {
    const body = { image: IMAGE, class: '5', keep: 0.5, count: 2, seed: 3 };
    const events = await eventsOf(post(server, '/v1/arpg/edit', body));
    const [first, second] = named(events, 'picture').map(({ image }) => image);
    expect(first).to.be.a('string');
    expect(first).not.to.equal(second);
    const again = await eventsOf(post(server, '/v1/arpg/edit', body));
    expect(named(again, 'picture').map(({ image }) => image)).to.deep.equal([first, second]);
  });

  it('says what is wrong with a request before anything is drawn', async () => {
    const wrong: readonly (readonly [string, object, string | null, string])[] = [
      ['inpaint', { mask: IMAGE }, 'image', "the parameter 'image' is missing"],
      ['inpaint', { image: IMAGE }, 'mask', 'transparent pixels'],
      ['inpaint', { image: IMAGE, mask: base64(encodePng(stripesOf(8, 8))) }, 'mask', 'must be equal'],
      ['inpaint', { image: IMAGE, mask: maskOf(0, 0, 0, 0) }, 'mask', 'nothing is to be drawn'],
      ['inpaint', { image: 'not base64!' }, 'image', 'not base64'],
      ['inpaint', { image: base64(Buffer.from('GIF89a')) }, 'image', 'GIF'],
      ['inpaint', { image: IMAGE.slice(0, 60) }, 'image', 'image: '],
      ['outpaint', { image: IMAGE }, 'left', 'nothing is to be added'],
      ['outpaint', { image: IMAGE, left: 60_000 }, null, 'tokens are to be drawn'],
      ['outpaint', { image: IMAGE, left: 60_000, top: 60_000 }, null, 'more than the'],
      ['edit', { image: IMAGE, class: 1 }, 'mask', 'mask, or the share'],
      ['edit', { image: IMAGE, keep: 0.5 }, 'class', 'missing'],
      ['edit', { image: IMAGE, class: 1, keep: 2 }, 'keep', 'must be <= 1'],
      ['edit', { image: IMAGE, class: 1, keep: 0.5, mask: IMAGE }, 'keep', 'exclude'],
      ['sample', { class: 'x' }, 'class', 'unknown'],
      ['sample', { class: 10 }, 'class', 'classes 0 to 9'],
      ['sample', { class: 1.5 }, 'class', 'string,integer,null'],
      ['sample', { class: 1, size: '33x32' }, 'size', 'multiple of 8'],
      ['sample', { class: 1, size: '4096x4096' }, 'size', 'more than this server'],
      ['sample', { class: 1, size: '1x99999999' }, 'size', 'pattern'],
      ['sample', { class: 1, steps: 1e9 }, 'steps', 'must be <='],
      ['sample', { class: 1, steps: 17 }, null, 'use 1 to 16'],
      ['sample', { class: 1, count: 1000 }, 'count', 'must be <= 16'],
      ['sample', { class: 1, seed: -1 }, 'seed', 'must be >= 0'],
      ['sample', { class: 1, guidance: 'much' }, 'guidance', 'must be number'],
      ['sample', { class: 1, order: '/etc/passwd' }, 'order', 'random, raster'],
      ['sample', { class: 1, own: { sampler: 'x' } }, null, 'has no sampler'],
      ['sample', { class: 1, model: '../../etc' }, 'model', 'does not exist'],
      ['sample', { class: 1, unheard: 1 }, 'unheard', 'unknown parameter'],
    ];
    for (const [name, body, param, message] of wrong) {
      const failure = await failureOf(post(server, `/v1/arpg/${name}`, body));
      expect(failure.message, JSON.stringify(body).slice(0, 80)).to.contain(message);
      expect(failure.param, message).to.equal(param);
      expect([400, 404], message).to.include(failure.status);
    }
    const { queue } = (await (await fetch(`${server.url}/healthz`)).json()) as { queue: { taken: number } };
    expect(queue.taken).to.equal(0);
  });
});
