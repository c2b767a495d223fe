import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { findModels, InputError, load, modelClasses, shippedModel, UsageError } from '../../src/index.js';
import { formatTable } from '../../src/cli/table.js';
import { arpg, ARPG_SHELL } from '../support/cli.js';
import { onTerminal } from '../support/pty.js';
import { temporaryFolder } from '../support/temporary.js';

describe('arpg models', () => {
  const temporary = temporaryFolder();

  it('lists what is at hand in a table, faulty folders with their fault', () => {
    mkdirSync(temporary('broken'));
    writeFileSync(temporary('broken/config.json'), '{"format_version": 2');
    const { code, text, errors } = arpg(['models'], { env: { ARPG_MODELS: temporary('') } });
    expect([code, errors]).to.deep.equal([0, '']);
    const [heading, ...rows] = text.trimEnd().split('\n');
    expect(heading).to.match(/^NAME +FROM +SYSTEM +SIZE +CLASSES +TOKENS +PICTURE +LICENCE$/);
    const row = (name: string) => rows.find((line) => line.startsWith(`${name} `))?.split(/ {2,}/);
    expect(row('digits')).to.deep.equal([
      'digits',
      'shipped',
      'ARPG',
      '3.7 M, 7.4 MB',
      '10',
      '4×4',
      '32×32',
      'CC-BY-SA-3.0',
    ]);
    expect(row('emoji')?.slice(4)).to.deep.equal(['1906', '8×8', '32×32', 'Apache-2.0']);
    expect(row('broken')?.[2]).to.match(/^cannot be used: .*broken\/config\.json/);
  });

  it('shows each model as a block where the table is wider than the terminal', function () {
    const wide = onTerminal(`${ARPG_SHELL} models`, 120);
    if (wide === undefined) this.skip();
    expect(wide.split('\r\n')[0]).to.match(/^NAME +FROM/);
    const lines = onTerminal(`${ARPG_SHELL} models`, 40)!.trimEnd().split('\r\n');
    expect(Math.max(...lines.map(({ length }) => length))).to.be.at.most(40);
    const start = lines.indexOf('emoji');
    expect(lines.slice(start, start + 8)).to.deep.equal([
      'emoji',
      '  from     shipped',
      '  system   ARPG',
      '  size     7.6 M, 7.7 MB',
      '  classes  1906',
      '  tokens   8×8',
      '  picture  32×32',
      '  licence  Apache-2.0',
    ]);
    expect(formatTable(['A', 'B', 'C'], [['x', 'a fault, of any length']], 5)).to.equal(
      'x\n  a fault, of any length\n',
    );
  });

  it('counts parameters and bytes as the weights have them', async () => {
    const listed = findModels().find(({ name }) => name === 'emoji');
    const model = await load('emoji', { target: 'reference' });
    const sizes = [model.generator.weights, model.tokenizerModel.weights].flatMap((weights) =>
      [...weights.values()].map(({ shape }) => shape.reduce((product, size) => product * size, 1)),
    );
    expect(listed).to.include({ parameters: sizes.reduce((sum, size) => sum + size, 0) });
    await model.dispose();
  });

  it('lists the classes whose names or groups hold the words of a filter', () => {
    const named = (filter: string) =>
      modelClasses('emoji', filter).classes.map(({ name }) => name!.split('/').at(-1));
    expect(named('tree')).to.include.members(['evergreen_tree', 'deciduous_tree', 'christmas_tree']);
    expect(named('Evergreen-Tree')).to.deep.equal(['evergreen_tree']);
    expect(named('plant palm')).to.deep.equal(['palm_tree']);
    expect(modelClasses('emoji').classes).to.have.length(1906);
    expect(modelClasses('digits', '7').classes).to.deep.equal([{ index: 7, name: '7' }]);
    expect(modelClasses('tiny').classes.at(-1)).to.deep.equal({ index: 9 });
  });

  it('unknown classes and models are answered with near ones, on one line', () => {
    expect(() => modelClasses('emoji', 'evergren tree')).to.throw(
      UsageError,
      /did you mean .*evergreen_tree/,
    );
    expect(() => modelClasses('emojy')).to.throw(InputError, "did you mean 'emoji'?");
    const class_ = arpg(['sample', '-m', 'emoji', '-c', 'palm treee', '-o', temporary('none.png')]);
    expect([class_.code, class_.errors.trimEnd().split('\n').length]).to.deep.equal([2, 1]);
    expect(class_.errors).to.include('palm_tree');
    expect(class_.errors).to.include("'arpg models emoji --classes' lists all");
    const filter = arpg(['models', 'emoji', '--classes', 'zzzqqqxx']);
    expect([filter.code, filter.text]).to.deep.equal([2, '']);
    expect(arpg(['models', 'emoji', 'tree']).errors).to.include('add --classes');
  });

  it('describes whatever it lists, also what was fetched into the cache', () => {
    const place = temporary('cache/models/hub.example/someone/small@main');
    cpSync(shippedModel('tiny')!, place, { recursive: true });
    const run = (...args: readonly string[]) =>
      arpg(['models', ...args], { env: { ARPG_CACHE: temporary('cache') } });
    expect(run().text).to.match(/^someone\/small +cached/m);
    const { code, text, errors } = run('someone/small');
    expect([code, errors]).to.deep.equal([0, '']);
    expect(text)
      .to.match(/^name +someone\/small\n/)
      .and.match(/^from +cached$/m);
  });

  it('--json has it all in one object', () => {
    const all = JSON.parse(arpg(['models', '--json']).text);
    expect(all.models.map(({ name }: { name: string }) => name)).to.include.members([
      'digits',
      'emoji',
      'tiny',
    ]);
    const one = JSON.parse(arpg(['models', 'digits', '--classes', '3', '--json']).text);
    expect(one.classes).to.deep.equal([{ index: 3, name: '3' }]);
    expect(one.model).to.deep.include({ system: 'ARPG', grid: [4, 4], picture: [32, 32], classes: 10 });
  });
});
