import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { arpg, type CliResult } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

describe('compiled models between commands', () => {
  const temporary = temporaryFolder();
  const kept = () => temporary('cache/compiled');
  const files = () => readdirSync(kept()).map((name) => join(kept(), name));

  const draw = (name: string, more: readonly string[] = [], caching = '1'): CliResult => {
    const env = { ARPG_CACHE: temporary('cache'), ARPG_COMPILE_CACHE: caching };
    const result = arpg(['sample', '--class', '1', '--seed', '2', '-o', temporary(name), ...more], { env });
    expect(result.code, result.errors).to.equal(0);
    return result;
  };

  it('draw the picture that a program without them draws, also when they were damaged', () => {
    draw('none.png', [], '0');
    expect(existsSync(kept())).to.equal(false);
    const picture = readFileSync(temporary('none.png'));
    draw('first.png');
    const made = files();
    expect(made).to.have.length(2);
    const before = made.map((path) => statSync(path).ino);
    draw('second.png');
    expect(files().map((path) => statSync(path).ino)).to.deep.equal(before);
    for (const path of made) writeFileSync(path, readFileSync(path).fill(0, 100, 200));
    draw('damaged.png');
    for (const name of ['first.png', 'second.png', 'damaged.png'])
      expect(readFileSync(temporary(name)).equals(picture), name).to.equal(true);
  });

  it('are left alone by a command that shows the compiler at work', () => {
    draw('traced.png', ['--trace', temporary('trace.json'), '--dump-graph', temporary('graphs')]);
    expect(readFileSync(temporary('trace.json'), 'utf8')).to.include('compile arpg-step');
    expect(readdirSync(temporary('graphs'))).to.include('01-arpg-step');
  });
});
