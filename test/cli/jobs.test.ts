import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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
      [4, `${out}/c.webp`, 9, 32],
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
    const { code, errors } = run([{ class: 3, output: 'good.png' }, { output: '../a.png' }]);
    expect(errors).to.include(": line 2: output '../a.png' is not a path below");
    expect([code, errors.trim().split('\n').length]).to.deep.equal([3, 1]);
    expect(existsSync(folder())).to.equal(false);
  });

  it('does not go with flags of many pictures, nor without a folder', () => {
    const jobs = write({ class: 3, output: 'a.png' });
    const many = arpg(['sample', '--jobs', jobs, '--count', '2']);
    expect([many.code, many.errors.includes('--count')]).to.deep.equal([2, true]);
    expect(arpg(['sample', '--jobs', jobs, '-o', '-']).errors).to.include('name a folder with -o');
    expect(arpg(['sample', '--jobs', jobs, '-o', jobs]).errors).to.include('is a file');
    expect(arpg(['sample', '--jobs', jobs, '-c', '1', '-c', '2']).errors).to.include('at most one --class');
  });
});
