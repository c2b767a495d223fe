import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { encodePng } from '../../src/data/image.js';
import { pngText, withPngTexts } from '../../src/data/pngText.js';
import { arpg } from '../support/cli.js';
import { writeEditableModel } from '../support/editableModel.js';
import { temporaryFolder } from '../support/temporary.js';

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

  it('is there in what the other commands write', async () => {
    const model = temporary('editable');
    await writeEditableModel(model);
    writeFileSync(temporary('photo.png'), encodePng(image));
    writeFileSync(temporary('mask.png'), encodePng({ ...image, data: new Uint8Array(192).fill(255) }));
    const edit = (command: string, ...args: readonly string[]) => {
      const path = temporary(`${command}.png`);
      const flags = ['--model', model, '--seed', '2', '-o', path];
      const result = arpg([command, temporary('photo.png'), ...args, ...flags]);
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
    const refused = arpg(['sample', '--like', temporary('inpaint.png'), '-o', temporary('no.png')]);
    expect([refused.code, refused.errors.split('\n').length]).to.deep.equal([3, 2]);
    expect(refused.errors).to.include('it was not drawn by arpg sample');
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
      expect(again.errors, name).to.match(/^(the model was trained on .*\n)?wrote .*again-.*\n$/);
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
    same(
      ['-c', '3', '--seed', '7', '--steps', '5', '--top-p', '1', '--top-k', '2'],
      '--top-p',
      '1',
      '--top-k',
      '2',
    );
    arpg(['sample', '--like', temporary('base.png'), '--count', '2', '-o', `${temporary('two')}/`]);
    expect(readFileSync(temporary('two/00000.png')).equals(readFileSync(temporary('base.png')))).to.equal(
      true,
    );
    expect(existsSync(temporary('two/00001.png'))).to.equal(true);
  });

  it('refuses what it cannot use in one line, before anything is written', () => {
    const forged = withPngTexts(encodePng(image), [{ keyword: 'arpg', text: '{"format":1,"\u001b[2J":1}' }]);
    for (const [name, bytes] of Object.entries({ plain: encodePng(image), forged })) {
      writeFileSync(temporary(`${name}.png`), bytes);
      const { code, errors, text } = arpg([
        ...['sample', '--like', temporary(`${name}.png`), '-o', temporary('no.png')],
      ]);
      expect([code, text, errors.trim().split('\n').length], errors).to.deep.equal([3, '', 1]);
      expect(errors).to.include(`${name}.png`).and.not.include('\u001b');
    }
    expect(existsSync(temporary('no.png'))).to.equal(false);
  });
});
