import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { encodePng, readRecordText } from '../../src/data/image.js';
import { pngText } from '../../src/data/pngText.js';
import { modelDigest } from '../../src/index.js';
import type { RunningServer } from '../../src/serve/server.js';
import { arpg } from '../support/cli.js';
import { eventsOf, named, offered, post, serveDigits, stripesOf } from '../support/server.js';
import { temporaryFolder } from '../support/temporary.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, string>>;
const IMAGE = Buffer.from(encodePng(stripesOf(32, 32))).toString('base64');

const bytesOf = (base64: string) => Buffer.from(base64.replace(/^data:image\/png;base64,/, ''), 'base64');

describe('what pictures of a server say of how they were drawn', () => {
  const temporary = temporaryFolder();
  let server: RunningServer;
  before(async () => {
    server = await serveDigits({ models: [offered('digits'), offered('tiny')], version });
  });
  after(() => server.stop());

  const draw = async (path: string, body: object): Promise<readonly Buffer[]> => {
    const events = await eventsOf(post(server, path, body));
    return named(events, 'picture').map(({ image }) => bytesOf(image));
  };
  const generate = async (body: object): Promise<readonly Buffer[]> => {
    const answer = await post(server, '/v1/images/generations', { ...body, response_format: 'b64_json' });
    const { data } = (await answer.json()) as { data: readonly { b64_json: string }[] };
    return data.map(({ b64_json: base64 }) => Buffer.from(base64, 'base64'));
  };
  const like = (name: string, bytes: Buffer) => {
    writeFileSync(temporary(name), bytes);
    const flags = ['--target', 'onnx', '--threads', '2', '-o', temporary(`again-${name}`)];
    return arpg(['sample', '--like', temporary(name), ...flags]);
  };

  it('arpg sample --like draws them again, byte for byte', async () => {
    const settings = { seed: 5, steps: 6, temperature: 0.8, order: 'raster', guidance: 3 };
    const sampled = await draw('/v1/arpg/sample', { class: '3', count: 2, previews: false, ...settings });
    const group = await draw('/v1/arpg/sample', { model: 'tiny', class: 1, size: '48x32', seed: 2 });
    const generated = await generate({ prompt: '7', n: 2, size: '48x32', seed: 1, output_format: 'webp' });
    for (const [name, bytes] of Object.entries({
      'native.png': sampled[1]!,
      'size.png': group[0]!,
      'openai.webp': generated[1]!,
    })) {
      const again = like(name, bytes);
      expect(again.code, again.errors).to.equal(0);
      expect(again.errors, name).to.not.include('differ');
      expect(readFileSync(temporary(`again-${name}`)).equals(bytes), name).to.equal(true);
    }
  });

  it('edited ones say what was done to which class, and not to which picture', async () => {
    const [edited] = await draw('/v1/arpg/edit', { image: IMAGE, class: '5', keep: 0.5, seed: 3 });
    const record = JSON.parse((await readRecordText(edited!, 'x'))!) as object;
    expect(record).to.deep.include({
      ...{ format: 1, command: 'edit', version, target: 'onnx', precision: 'fp32', seed: 3, picture: 0 },
      model: { name: 'digits', sha256: await modelDigest(offered('digits').folder) },
      ...{ classes: [{ index: 5, name: '5' }], feather: 0 },
    });
    expect(pngText(edited!, 'Description')).to.equal('edit of a picture: 5, seed 3, model digits');
    const refused = like('edited.png', edited!);
    expect(refused.code).to.equal(3);
    expect(refused.errors).to.include('it was not drawn by arpg sample');
  });

  it('one without a class says so, and is not taken for one of a class', async () => {
    const [none] = await draw('/v1/arpg/sample', { class: null, seed: 3 });
    expect(pngText(none!, 'Description')).to.equal('no class, seed 3, model digits');
    const refused = like('none.png', none!);
    expect(refused.code).to.equal(3);
    expect(refused.errors).to.include('it was drawn without a class');
  });

  it('nothing where no version was given to the server', async () => {
    const silent = await serveDigits();
    try {
      const events = await eventsOf(post(silent, '/v1/arpg/sample', { class: 3 }));
      expect(await readRecordText(bytesOf(named(events, 'picture')[0]!.image), 'x')).to.equal(undefined);
    } finally {
      await silent.stop();
    }
  });
});
