import { expect } from 'chai';
import { encodePicture, encodePng } from '../../src/data/image.js';
import { withPngTexts } from '../../src/data/pngText.js';
import { InputError, readSampleRecord, type SampleRecord } from '../../src/index.js';

const image = { width: 8, height: 8, data: new Uint8Array(192).fill(9) };
const pictureWith = (text: string) => withPngTexts(encodePng(image), [{ keyword: 'arpg', text }]);

const record: SampleRecord = {
  ...{ format: 1, command: 'sample', version: '0.1.0', target: 'onnx', precision: 'fp32' },
  model: { name: 'tiny', sha256: 'a'.repeat(64) },
  ...{ seed: 7, picture: 3, classes: [{ index: 3, name: 'three' }] },
  settings: { steps: 5, guidance: 4, order: [1, 0], 'guidance-interval': 3 },
};
const recordWith = (change: object) => JSON.stringify({ ...record, ...change });

describe('how a picture was drawn, as it says itself', () => {
  it('comes back as it was written', async () => {
    expect(await readSampleRecord(pictureWith(JSON.stringify(record)), 'x')).to.deep.equal(record);
    const more = {
      ...{ columns: 1, size: { width: 16, height: 8 }, rope: 'extend', quality: 90 },
      scale: { factor: 2, filter: 'lanczos' },
    };
    expect(await readSampleRecord(pictureWith(recordWith(more)), 'x')).to.deep.equal({ ...record, ...more });
  });

  it('is refused where it is missing, wrong or newer, in one line without control characters', async () => {
    const settings = (change: object) => pictureWith(recordWith({ settings: change }));
    const cases: Readonly<Record<string, readonly [bytes: Uint8Array, reason: string]>> = {
      'no text': [encodePng(image), 'does not say how it was drawn'],
      'a plain JPEG': [await encodePicture(image, 3, 'jpeg'), 'does not say how it was drawn'],
      'no picture': [Buffer.from('text'), 'it is no PNG'],
      'no JSON': [pictureWith('{'), 'not valid JSON'],
      'a list': [pictureWith('[]'), 'its settings cannot be used'],
      'a field twice': [pictureWith('{"format":1,"format":1}'), 'is there twice'],
      newer: [pictureWith(recordWith({ format: 2 })), 'newer version'],
      'of another command': [pictureWith(recordWith({ command: 'inpaint' })), 'not drawn by arpg sample'],
      'an unknown field': [pictureWith(recordWith({ output: '/etc/passwd' })), "'output' is unknown"],
      'an unknown setting': [settings({ evil: 1 }), "'evil' is unknown"],
      'an order file': [settings({ order: '/etc/passwd' }), 'settings.order'],
      'a huge order': [settings({ order: new Array(70_000).fill(1) }), 'settings.order'],
      'steps of another kind': [settings({ steps: '5' }), "'settings.steps' must be integer"],
      'too many steps': [settings({ steps: 1e9 }), 'settings.steps'],
      'no class': [pictureWith(recordWith({ classes: [] })), 'it was drawn without a class'],
      'no list of classes': [pictureWith(recordWith({ classes: 3 })), "'classes' must be array"],
      'a wrong digest': [pictureWith(recordWith({ model: { name: 'x', sha256: 'A' } })), 'sha256'],
      'a wrong seed': [pictureWith(recordWith({ seed: -1 })), 'seed'],
      'a wrong scale': [pictureWith(recordWith({ scale: { factor: 1000, filter: 'nearest' } })), 'scale'],
      'a control character': [pictureWith(recordWith({ '\u001b[2J': 1 })), 'is unknown'],
    };
    for (const [name, [bytes, reason]] of Object.entries(cases)) {
      const failure = await readSampleRecord(bytes, 'odd.png').then(
        () => expect.fail(`${name} accepted`),
        (error: Error) => error,
      );
      expect(failure, name).to.be.instanceOf(InputError);
      expect(failure.message)
        .to.match(/^odd\.png: /)
        .and.include(reason);
      expect(failure.message, name).to.not.include('\u001b').and.not.include('\n');
    }
  });
});
