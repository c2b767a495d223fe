import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { resultStore } from '../../src/files/resultStore.js';
import { InputError, modelDigest } from '../../src/index.js';
import { temporaryFolder } from '../support/temporary.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny/', import.meta.url));

describe('the digest of a model', () => {
  const temporary = temporaryFolder();
  const model = () => temporary('model');
  beforeEach(() => cpSync(tiny, model(), { recursive: true }));
  afterEach(() => rmSync(model(), { recursive: true }));

  it('is that of its configurations and weights, wherever they lie', async () => {
    const digest = await modelDigest(model());
    expect(digest)
      .to.match(/^[0-9a-f]{64}$/)
      .and.equal(await modelDigest(tiny));
    writeFileSync(join(model(), 'README.md'), 'another card');
    writeFileSync(join(model(), 'labels.json'), '[]');
    expect(await modelDigest(model())).to.equal(digest);
    for (const file of [
      'config.json',
      'model.safetensors',
      'tokenizer/config.json',
      'tokenizer/model.safetensors',
    ]) {
      appendFileSync(join(model(), file), ' ');
      expect(await modelDigest(model()), file).to.not.equal(digest);
      cpSync(join(tiny, file), join(model(), file));
      expect(await modelDigest(model()), file).to.equal(digest);
    }
    rmSync(join(model(), 'tokenizer'), { recursive: true });
    expect(await modelDigest(model())).to.not.equal(digest);
  });

  it('of large files is kept for as long as they stay as they are', async () => {
    const weights = join(model(), 'model.safetensors');
    truncateSync(weights, 64 * 2 ** 20);
    const store = resultStore(temporary('digests'), { bytesOfOne: 1024, bytesOfAll: 2 ** 20 });
    const digest = await modelDigest(model(), store);
    expect(readdirSync(temporary('digests'))).to.have.length(1);
    // What is kept is what counts, so that the next line can fail.
    const [key] = readdirSync(temporary('digests'));
    store.write(key!, Buffer.from('0'.repeat(64)));
    expect(await modelDigest(model(), store)).to.not.equal(digest);
    utimesSync(weights, 1, 1);
    expect(await modelDigest(model(), store)).to.equal(digest);
    expect(existsSync(temporary('digests'))).to.equal(true);
  });

  it('of what cannot be read is refused', async () => {
    rmSync(join(model(), 'config.json'));
    writeFileSync(join(model(), 'config.json'), '{}');
    const failure = await modelDigest(`${model()}\0`).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failure).to.be.instanceOf(InputError);
  });
});
