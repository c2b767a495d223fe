import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { encodePicture, encodePng } from '../../src/data/image.js';
import { pngText, withPngTexts } from '../../src/data/pngText.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));
const recordOf = (path: string) => JSON.parse(pngText(readFileSync(path), 'arpg')!);
const image = { width: 8, height: 8, data: new Uint8Array(192).fill(9) };

describe('what pictures say of themselves', () => {
  const temporary = temporaryFolder();
  const sample = (...args: readonly string[]) => {
    const result = arpg(['sample', ...args]);
    expect(result.code, result.errors).to.equal(0);
    return result;
  };

  it('is all that decided about them, and no path', () => {
    sample('-c', '3', '--seed', '7', '--steps', '5', '--top-p', '0.8', '-o', temporary('a.png'));
    const bytes = readFileSync(temporary('a.png'));
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(pngText(bytes, 'Software')).to.equal(`arpg ${version}`);
    expect(pngText(bytes, 'Description')).to.equal('3, seed 7, model tiny');
    const { model, ...record } = recordOf(temporary('a.png'));
    expect(record).to.deep.equal({
      format: 1,
      command: 'sample',
      version,
      target: 'onnx',
      precision: 'fp32',
      seed: 7,
      picture: 0,
      classes: [{ index: 3 }],
      settings: {
        steps: 5,
        schedule: 'arccos',
        guidance: 4,
        'guidance-schedule': 'linear',
        temperature: 1,
        'top-k': 0,
        'top-p': 0.8,
      },
    });
    expect(model.name).to.equal('tiny');
    expect(model.sha256).to.match(/^[0-9a-f]{64}$/);
    expect(bytes.includes('/')).to.equal(pngText(bytes, 'arpg')!.includes('/'));
    expect(pngText(bytes, 'arpg')).to.not.include('/');
  });

  it('is left out with --no-metadata, and the pixels are the same', () => {
    const flags = ['-c', '3', '--seed', '7'];
    const [noted, plain] = [sample(...flags).stdout, sample(...flags, '--no-metadata').stdout];
    expect(pngText(plain, 'arpg')).to.equal(undefined);
    expect(plain.includes('tEXt')).to.equal(false);
    const record = ['Software', 'Description', 'arpg'].map((keyword) => ({
      keyword,
      text: pngText(noted, keyword)!,
    }));
    expect(Buffer.from(withPngTexts(plain, record)).equals(noted)).to.equal(true);
  });

  it('is there in what the other commands write', () => {
    writeFileSync(temporary('photo.png'), encodePng(image));
    writeFileSync(temporary('mask.png'), encodePng({ ...image, data: new Uint8Array(192).fill(255) }));
    const edit = (command: string, ...args: readonly string[]) => {
      const path = temporary(`${command}.png`);
      const result = arpg([command, temporary('photo.png'), ...args, '--seed', '2', '-o', path]);
      expect(result.code, result.errors).to.equal(0);
      const { version: _, model: __, settings, ...record } = recordOf(path);
      expect(settings.steps, command).to.equal(16);
      return { ...record, guidance: settings.guidance };
    };
    const common = { format: 1, target: 'onnx', precision: 'fp32', seed: 2, picture: 0, feather: 0 };
    expect(edit('inpaint', '--mask', temporary('mask.png'))).to.deep.equal({
      ...common,
      command: 'inpaint',
      classes: [],
      guidance: 1,
    });
    expect(edit('outpaint', '--left', '4', '-c', '5')).to.deep.include({
      ...common,
      command: 'outpaint',
      classes: [{ index: 5 }],
      guidance: 4,
    });
    expect(edit('edit', '--keep', '0.5', '-c', '5')).to.deep.include({ command: 'edit' });
    const tokens = JSON.stringify({ tokens: new Array(16).fill(1), grid: [4, 4] });
    arpg(['detokenize', '-o', temporary('d.png')], { stdin: tokens });
    expect(recordOf(temporary('d.png'))).to.include({ command: 'detokenize', format: 1 });
    for (const name of ['inpaint', 'd']) {
      const refused = arpg(['sample', '--like', temporary(`${name}.png`), '-o', temporary('no.png')]);
      expect([refused.code, refused.errors.split('\n').length]).to.deep.equal([3, 2]);
      expect(refused.errors).to.include('it was not drawn by arpg sample');
    }
  });
});

describe('arpg sample --like', () => {
  const temporary = temporaryFolder();
  const draw = (name: string, ...args: readonly string[]) => {
    const result = arpg(['sample', ...args, '-o', temporary(name)]);
    expect(result.code, result.errors).to.equal(0);
    return { ...result, bytes: readFileSync(temporary(name)) };
  };
  const like = (of: string, name: string, ...args: readonly string[]) =>
    draw(name, '--like', temporary(of), ...args);

  it('gives the same bytes, whatever was asked for', () => {
    const order = Array.from({ length: 16 }, (_, position) => 15 - position);
    writeFileSync(temporary('order.json'), JSON.stringify(order));
    const cases = {
      'a.png': ['-c', '3', '--seed', '7', '--steps', '5', '--temperature', '0.7', '--top-k', '9'],
      'b.png': ['--seed', '9', '--order', temporary('order.json'), '--guidance-schedule', 'constant'],
      'c.png': ['-c', '1', '--size', '16x8', '--rope', 'interpolate', '--scale', '3', '--seed', '1'],
      'd.jpg': ['-c', '1', '--quality', '71', '--scale', '4', '--scale-filter', 'lanczos', '--seed', '1'],
      'e.webp': ['-c', '1', '--seed', '1', '--precision', 'int8'],
      'f.png': ['-c', '1', '-c', '2', '--count', '3', '--format', 'grid', '--seed', '4'],
    };
    for (const [name, flags] of Object.entries(cases)) {
      const { bytes } = draw(name, ...flags);
      const again = like(name, `again-${name}`);
      expect(again.bytes.equals(bytes), name).to.equal(true);
      expect(again.errors, name).to.match(/^wrote .*again-.*\n$/);
    }
  });

  it('draws one of many pictures again, from stdin, too', () => {
    arpg(['sample', '-c', '3', '-c', '5', '--count', '2', '--seed', '7', '-o', `${temporary('many')}/`]);
    const third = readFileSync(temporary('many/00002.png'));
    expect(recordOf(temporary('many/00002.png'))).to.deep.include({ picture: 2, classes: [{ index: 5 }] });
    expect(like('many/00002.png', 'third.png').bytes.equals(third)).to.equal(true);
    expect(arpg(['sample', '--like', '-'], { stdin: third }).stdout.equals(third)).to.equal(true);
  });

  it('lets flags change one setting', () => {
    const flags = ['--seed', '7', '--steps', '5', '--top-p', '0.8'];
    draw('base.png', '-c', '3', ...flags);
    const same = (of: readonly string[], ...changes: readonly string[]) =>
      expect(like('base.png', 'x.png', ...changes).bytes.equals(draw('y.png', ...of).bytes)).to.equal(true);
    same(['-c', '5', ...flags], '-c', '5');
    same(['-c', '3', '--seed', '8', '--steps', '5', '--top-p', '0.8'], '--seed', '8');
    same(
      ['-c', '3', '--seed', '7', '--steps', '5', '--top-p', '1', '--top-k', '2'],
      '--top-p',
      '1',
      '--top-k',
      '2',
    );
    same(['-c', '3', ...flags, '--scale', '2'], '--scale', '2');
    arpg(['sample', '--like', temporary('base.png'), '--count', '2', '-o', `${temporary('two')}/`]);
    expect(readFileSync(temporary('two/00000.png')).equals(readFileSync(temporary('base.png')))).to.equal(
      true,
    );
    expect(existsSync(temporary('two/00001.png'))).to.equal(true);
  });

  it('says what may make a difference', () => {
    draw('base.png', '-c', '3', '--seed', '7');
    const other = temporary('other');
    cpSync(tiny, other, { recursive: true });
    const config = JSON.parse(readFileSync(join(other, 'config.json'), 'utf8'));
    writeFileSync(join(other, 'config.json'), JSON.stringify({ ...config, license: 'MIT' }));
    expect(like('base.png', 'x.png', '--model', other).errors).to.include('other weights than this model');
    expect(like('base.png', 'x.png', '--target', 'reference').errors).to.include(
      'drawn on onnx, this is reference',
    );
    const record = recordOf(temporary('base.png'));
    const forged = (change: object) => {
      const text = JSON.stringify({ ...record, ...change });
      writeFileSync(temporary('forged.png'), withPngTexts(encodePng(image), [{ keyword: 'arpg', text }]));
      return arpg(['sample', '--like', temporary('forged.png'), '-o', temporary('x.png')]);
    };
    const { errors } = forged({ version: '0.0.9\u001b[31m' });
    expect(errors).to.include('drawn by arpg 0.0.9').and.not.include('\u001b');
  });

  it('finds the model by what it draws, else by the name of one at hand, and never opens a path', () => {
    draw('base.png', '-c', '3', '--seed', '7');
    const record = recordOf(temporary('base.png'));
    const withModel = (model: object, env: Readonly<Record<string, string>> = {}) => {
      const text = JSON.stringify({ ...record, model: { ...record.model, ...model } });
      writeFileSync(temporary('forged.png'), withPngTexts(encodePng(image), [{ keyword: 'arpg', text }]));
      return arpg(['sample', '--like', temporary('forged.png'), '-o', temporary('x.png'), '--json'], { env });
    };
    // The default model is another one, but the picture's comes with the program.
    expect(JSON.parse(withModel({}, { ARPG_MODEL: 'digits' }).text).model).to.match(/models\/tiny$/);
    expect(JSON.parse(withModel({ name: 'renamed' }).text).model).to.match(/models\/tiny$/);
    const own = temporary('own');
    mkdirSync(own, { recursive: true });
    cpSync(tiny, join(own, 'secret'), { recursive: true });
    const sha256 = '0'.repeat(64);
    for (const name of [join(own, 'secret'), '../tiny', 'fixtures/models/tiny', 'someone/else', '', '.']) {
      const { code, errors } = withModel({ name, sha256 }, { HF_ENDPOINT: 'http://127.0.0.1:9' });
      expect(code, name).to.equal(2);
      expect(errors, name).to.include('which is not at hand: name its folder with --model');
    }
    const renamed = withModel({ sha256 });
    expect([renamed.code, renamed.errors.includes('other weights')]).to.deep.equal([0, true]);
  });

  it('refuses what it cannot use, in one line', async () => {
    draw('base.png', '-c', '3', '--seed', '7');
    const record = recordOf(temporary('base.png'));
    const files: Record<string, Uint8Array> = {
      'plain.png': encodePng(image),
      'plain.jpg': await encodePicture(image, 3, 'jpeg'),
      'text.txt': Buffer.from('no picture'),
      'cut.png': readFileSync(temporary('base.png')).subarray(0, 60),
    };
    const texts: Record<string, string> = {
      'no JSON': '{',
      'a list': '[]',
      newer: JSON.stringify({ ...record, format: 2 }),
      'an unknown setting': JSON.stringify({ ...record, settings: { ...record.settings, evil: 1 } }),
      'an unknown field': JSON.stringify({ ...record, output: '/etc/passwd' }),
      'an order file': JSON.stringify({ ...record, settings: { order: '/etc/passwd' } }),
      'a huge order': JSON.stringify({ ...record, settings: { order: new Array(70_000).fill(1) } }),
      'no classes': JSON.stringify({ ...record, classes: [] }),
      'control characters': JSON.stringify({ ...record, target: 3, '\u001b[2J': 1 }),
    };
    for (const [name, text] of Object.entries(texts))
      files[`${name}.png`] = withPngTexts(encodePng(image), [{ keyword: 'arpg', text }]);
    for (const [name, bytes] of Object.entries(files)) {
      writeFileSync(temporary(name), bytes);
      const { code, errors, text } = arpg(['sample', '--like', temporary(name), '-o', temporary('no.png')]);
      expect([code, text], `${name}: ${errors}`).to.deep.equal([3, '']);
      expect(errors.trim().split('\n'), name).to.have.length(1);
      expect(errors).to.include(name).and.not.include('\u001b');
    }
    const unsuited = JSON.stringify({ ...record, classes: [{ index: 99 }] });
    writeFileSync(temporary('u.png'), withPngTexts(encodePng(image), [{ keyword: 'arpg', text: unsuited }]));
    const { code, errors } = arpg(['sample', '--like', temporary('u.png'), '-o', temporary('no.png')]);
    expect([code, errors.includes('class 99 does not exist')]).to.deep.equal([2, true]);
    expect(existsSync(temporary('no.png'))).to.equal(false);
    copyFileSync(temporary('base.png'), temporary('copy.png'));
    expect(like('copy.png', 'x.png').bytes.equals(readFileSync(temporary('base.png')))).to.equal(true);
  });
});
