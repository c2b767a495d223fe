import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

describe('arpg sample --jobs', () => {
  const temporary = temporaryFolder();
  let number = 0;
  const write = (...lines: readonly (object | string)[]) => {
    const path = temporary(`${++number}.jsonl`);
    writeFileSync(
      path,
      lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    );
    return path;
  };
  const folder = () => temporary(`out-${number}`);
  const run = (lines: readonly (object | string)[], ...flags: readonly string[]) =>
    arpg(['sample', '--jobs', write(...lines), '-o', folder(), ...flags]);
  const alone = (...flags: readonly string[]) => arpg(['sample', ...flags]).stdout;

  it('draws each line as the command would alone, and says so line by line', async () => {
    const { code, text, errors } = run(
      [
        { class: 3, seed: 7, output: 'a.png' },
        '',
        { class: '5', seed: 8, steps: 4, guidance: 2, 'top-k': 3, order: 'raster', output: 'b/b.png' },
        { size: '16x8', scale: 2, seed: 9, output: 'c.webp', quality: 50 },
      ],
      '--json',
    );
    expect(code, errors).to.equal(0);
    const out = folder();
    expect(readFileSync(`${out}/a.png`).equals(alone('-c', '3', '--seed', '7'))).to.equal(true);
    const flags = ['--steps', '4', '--guidance', '2', '--top-k', '3', '--order', 'raster'];
    expect(readFileSync(`${out}/b/b.png`).equals(alone('-c', '5', '--seed', '8', ...flags))).to.equal(true);
    const { format, width, height } = await sharp(`${out}/c.webp`).metadata();
    expect([format, width, height]).to.deep.equal(['webp', 32, 16]);
    const reports = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(reports.map(({ line, file, seed, steps }) => [line, file, seed, steps])).to.deep.equal([
      [1, `${out}/a.png`, 7, 16],
      [3, `${out}/b/b.png`, 8, 4],
      [4, `${out}/c.webp`, 9, 16],
    ]);
    expect(reports[0]).to.deep.include({ class_id: 3, class_name: null, picture: 0 });
    expect(errors).to.equal(`wrote 3 pictures to ${out}\n`);
  });

  it('takes from the flags what lines leave open; those without a seed differ', () => {
    run(
      [{ output: 'a.png' }, { output: 'b.png' }, { output: 'c.png', steps: 3 }],
      '-c',
      '3',
      '--seed',
      '7',
      '--steps',
      '5',
    );
    const out = folder();
    const many = temporary('many');
    arpg(['sample', '-c', '3', '--count', '2', '--seed', '7', '--steps', '5', '-o', `${many}/`]);
    for (const [name, like] of [
      ['a', '00000'],
      ['b', '00001'],
    ])
      expect(readFileSync(`${out}/${name}.png`).equals(readFileSync(`${many}/${like}.png`))).to.equal(true);
    // What was drawn can be drawn again alone.
    expect(alone('--like', `${out}/c.png`).equals(readFileSync(`${out}/c.png`))).to.equal(true);
    const drawn = run([{ output: 'a.png' }]);
    expect(drawn.errors).to.match(/^seed: \d+\nwrote .*a\.png: \d, seed \d+ \(8×8\)\n$/);
    expect(run([{ output: 'a.png' }], '--quiet').errors).to.equal('');
  });

  it('draws lines from stdin as they come, up to the first that is wrong', () => {
    const stdin = [{ class: 3, seed: 7, output: 'a.png' }, { clas: 3, output: 'b.png' }, { output: 'c.png' }]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
    const out = temporary('streamed');
    const { code, text, errors } = arpg(['sample', '--jobs', '-', '-o', out, '--json'], { stdin });
    expect([code, errors]).to.deep.equal([
      3,
      "arpg: stdin: line 2: field 'clas' is unknown; did you mean 'class'?\n",
    ]);
    expect(text.trim().split('\n')).to.have.length(1);
    expect(readdirSync(out)).to.deep.equal(['a.png']);
  });

  it('draws nothing of a file with a line that is wrong', () => {
    const good = { class: 3, output: 'good.png' };
    const cases: readonly (readonly [code: number, line: object | string, reason: string])[] = [
      [3, 'x', 'not valid JSON'],
      [3, { ...good, output: 'good.PNG' }, `output 'good.PNG' is that of`],
      [3, { output: '../a.png' }, "output '../a.png' is not a path below"],
      [3, { output: 'a/../../a.png' }, 'is not a path below'],
      [3, { output: '/tmp/a.png' }, 'is not a path below'],
      [3, { output: 'a\u001b.png' }, 'is not a path below'],
      [2, { output: 'a.bmp' }, 'nothing here is written as .bmp'],
      [2, { output: 'a.png', quality: 3 }, '--quality is for JPEG and WebP'],
      [2, { output: 'a.png', class: 10 }, 'class 10 does not exist'],
      [2, { output: 'a.png', steps: 17 }, 'steps 17'],
      [2, { output: 'a.png', size: '9x8' }, 'size 9x8'],
      [2, { output: 'a.png', order: [0, 1] }, 'the order must hold'],
      [2, { output: 'a.png', scale: 64, size: '512x512' }, '--scale 64'],
    ];
    for (const [code, line, reason] of cases) {
      const result = run([good, line]);
      expect(result.errors).to.include(': line 2: ').and.include(reason).and.not.include('\u001b');
      expect([result.code, result.errors.trim().split('\n').length], reason).to.deep.equal([code, 1]);
      expect(existsSync(folder()), reason).to.equal(false);
    }
    expect(run([]).errors).to.include('it holds no jobs');
  });

  it('leaves its folder by no link, and takes no folder for a picture', () => {
    const outside = temporary('outside');
    mkdirSync(outside);
    write();
    mkdirSync(`${folder()}x/sub`, { recursive: true });
    const out = `${folder()}x`;
    symlinkSync(outside, `${out}/link`);
    symlinkSync(`${outside}/new.png`, `${out}/new.png`);
    const into = (output: string) =>
      arpg(['sample', '--jobs', '-', '-o', out], { stdin: JSON.stringify({ class: 3, seed: 1, output }) });
    for (const output of ['link/a.png', 'new.png', 'link/deep/a.png'])
      expect(into(output).errors, output).to.include('leads out of');
    expect(into('sub').errors).to.include('is a folder');
    expect(readdirSync(outside)).to.deep.equal([]);
    // The folder itself may be a link.
    symlinkSync(outside, `${out}-link`);
    const through = arpg(['sample', '--jobs', '-', '-o', `${out}-link`], {
      stdin: '{"class":3,"output":"a.png"}',
    });
    expect(through.code, through.errors).to.equal(0);
    expect(readdirSync(outside)).to.deep.equal(['a.png']);
  });

  it('does not go with flags of many pictures, nor without a folder', () => {
    const jobs = write({ class: 3, output: 'a.png' });
    for (const flags of [
      ['--count', '2'],
      ['--like', 'x.png'],
      ['--resume', '--seed', '1'],
      ['--format', 'grid'],
    ])
      expect(arpg(['sample', '--jobs', jobs, ...flags]).code, flags[0]).to.equal(2);
    expect(arpg(['sample', '--jobs', jobs, '-o', '-']).errors).to.include('name a folder with -o');
    expect(arpg(['sample', '--jobs', jobs, '-o', jobs]).errors).to.include('is a file');
    expect(arpg(['sample', '--jobs', jobs, '-c', '1', '-c', '2']).errors).to.include('at most one --class');
  });
});
