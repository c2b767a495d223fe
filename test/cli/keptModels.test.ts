import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { readFloats, storedFloats } from '../../src/graph/weights.js';
import { arpg, ARPG_SHELL, type CliResult, remarks, shell } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const FIXTURE = new URL('../../../fixtures/models/tiny', import.meta.url);

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
    draw('second.png');
    // Used again, they are kept as the runtime optimised them, too.
    const all = files();
    expect(all).to.have.length(4).and.to.include.members(made);
    const numbers = all.map((path) => statSync(path).ino);
    draw('third.png');
    expect(files().map((path) => statSync(path).ino)).to.deep.equal(numbers);
    const weights = readdirSync(temporary('cache/weights'));
    expect(weights).to.have.length(2);
    for (const name of weights) {
      const path = temporary(`cache/weights/${name}`);
      writeFileSync(path, readFileSync(path).fill(0, 0, 4000));
    }
    draw('others-weights.png');
    for (const name of weights) rmSync(temporary(`cache/weights/${name}`));
    draw('no-weights.png');
    for (const path of all) writeFileSync(path, readFileSync(path).fill(0, 100, 200));
    draw('damaged.png');
    const names = ['first', 'second', 'third', 'others-weights', 'no-weights', 'damaged'];
    for (const name of names)
      expect(readFileSync(temporary(`${name}.png`)).equals(picture), name).to.equal(true);
    expect(readdirSync(temporary('cache/weights')).filter((name) => name.startsWith('.'))).to.deep.equal([]);
  });

  it('of 4 bits draw the same picture however often they were used', () => {
    const emoji = ['--model', 'emoji', '--steps', '4'];
    draw('emoji-none.png', emoji, '0');
    for (const name of ['emoji-1.png', 'emoji-2.png', 'emoji-3.png']) {
      draw(name, emoji);
      expect(readFileSync(temporary(name)).equals(readFileSync(temporary('emoji-none.png'))), name).to.equal(
        true,
      );
    }
  });

  it('are shared by commands that run at once, and by none where the folder cannot be written', () => {
    draw('alone.png', [], '0');
    const picture = readFileSync(temporary('alone.png'));
    rmSync(kept(), { recursive: true });
    const names = ['one.png', 'two.png', 'three.png'];
    const commands = names.map((name) => `${ARPG_SHELL} sample --class 1 --seed 2 -o ${temporary(name)} &`);
    const { code, errors } = shell(
      `export ARPG_CACHE=${temporary('cache')} ARPG_COMPILE_CACHE=1; ${commands.join(' ')} wait`,
    );
    expect([code, remarks(errors)]).to.deep.equal([0, '']);
    // One that came late may have used what another kept, and kept that as the runtime optimised it.
    expect(files().length).to.be.within(2, 4);
    expect(new Set(files().map((path) => path.length - kept().length))).to.deep.equal(new Set([65]));
    writeFileSync(temporary('taken'), 'no folder');
    const env = { ARPG_CACHE: temporary('taken'), ARPG_COMPILE_CACHE: '1' };
    const without = arpg(['sample', '--class', '1', '--seed', '2', '-o', temporary('four.png')], { env });
    expect([without.code, remarks(without.errors)]).to.deep.equal([0, '']);
    for (const name of [...names, 'four.png'])
      expect(readFileSync(temporary(name)).equals(picture), name).to.equal(true);
  });

  it('of a model that was written to are compiled again', () => {
    cpSync(FIXTURE, temporary('model'), { recursive: true });
    const ofModel = ['--model', temporary('model'), '--precision', 'fp32'];
    for (const name of ['once.png', 'twice.png', 'before.png']) draw(name, ofModel);
    const weights = temporary('model/model.safetensors');
    const { tensors } = openSafetensors(weights);
    const head = tensors.get('head.weight')!;
    const values = readFloats(head).map((value) => -value);
    const changed = new Map(
      [...tensors].map(([name, tensor]) => [name, storedFloats(tensor.shape, readFloats(tensor).slice())]),
    );
    writeFileSync(
      weights,
      Buffer.concat([...serializeSafetensors(changed.set('head.weight', storedFloats(head.shape, values)))]),
    );
    draw('after.png', ofModel);
    draw('bare.png', ofModel, '0');
    const [before, after, bare] = ['before.png', 'after.png', 'bare.png'].map((name) =>
      readFileSync(temporary(name)),
    );
    expect(after!.equals(bare!)).to.equal(true);
    expect(after!.equals(before!)).to.equal(false);
  });

  it('are left alone by a command that shows the compiler at work', () => {
    draw('traced.png', ['--trace', temporary('trace.json'), '--dump-graph', temporary('graphs')]);
    expect(readFileSync(temporary('trace.json'), 'utf8')).to.include('compile arpg-step');
    expect(readdirSync(temporary('graphs'))).to.include('01-arpg-step');
  });
});
