import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { expect } from 'chai';
import {
  type DefaultsFile,
  defaultsOf,
  isLocallySettable,
  readDefaults,
} from '../../src/cli/defaultsFile.js';
import { commandShapes } from '../../src/cli/manifest.js';
import { arpg } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

describe('files with defaults', () => {
  const temporary = temporaryFolder();
  const env = { XDG_CONFIG_HOME: temporary('xdg'), ARPG_MODEL: '' };
  const local = temporary('work/arpg.config.json');
  const own = temporary('xdg/arpg/config.json');
  const run = (...args: readonly string[]) => arpg(args, { env, cwd: temporary('work') });
  const set = (path: string, values: unknown) => writeFileSync(path, JSON.stringify(values));
  const report = (...args: readonly string[]) => {
    const { code, text, errors } = run('sample', '-c', '3', '-q', '--json', '-o', 'x.png', ...args);
    expect(code, errors).to.equal(0);
    return JSON.parse(text);
  };

  beforeEach(() => {
    rmSync(temporary('work'), { recursive: true, force: true });
    rmSync(temporary('xdg'), { recursive: true, force: true });
    mkdirSync(temporary('work'));
    mkdirSync(temporary('xdg/arpg'), { recursive: true });
  });

  it('the command line goes before the environment, that before the folder’s file, that before the user’s', () => {
    set(own, { model: 'emoji', sample: { seed: 5, steps: 2 } });
    set(local, { model: 'tiny', sample: { steps: 3 } });
    expect(report()).to.include({ seed: 5, steps: 3 }).and.have.property('model').that.matches(/tiny$/);
    expect(report('-m', 'digits', '-s', '6', '--steps', '4')).to.include({ seed: 6, steps: 4 });
    const { text } = arpg(['sample', '-c', '3', '-q', '--json', '-o', 'x.png'], {
      env: { ...env, ARPG_MODEL: 'digits' },
      cwd: temporary('work'),
    });
    expect(JSON.parse(text).model).to.match(/digits$/);
    rmSync(local);
    expect(report().model).to.match(/emoji$/);
  });

  it('give way to flags that exclude theirs, and what is said of one command goes first', () => {
    set(local, { model: 'tiny', quiet: true, 'top-k': 5, sample: { 'top-k': 1 } });
    const { errors } = run('sample', '-c', '3', '-v', '-s', '1', '-o', 'x.png');
    expect(errors).to.include('target: ');
    expect(PNG.sync.read(readFileSync(temporary('work/x.png')))).to.include({ width: 8 });
    const file: DefaultsFile = {
      path: 'x',
      isOwn: true,
      values: { 'top-k': 5, format: 'jpeg', sample: { 'top-k': 1 } },
    };
    const valuesOf = (id: string) => {
      const { flags } = commandShapes().find((command) => command.id === id)!;
      const named = Object.fromEntries(
        Object.entries(flags).map(([name, flag]) => [name, { ...flag, name }]),
      );
      return defaultsOf(id, named, [file]).map(({ name, value }) => [name, value]);
    };
    expect(valuesOf('sample')).to.deep.equal([
      ['top-k', 1],
      ['format', 'jpeg'],
    ]);
    expect(valuesOf('inpaint')).to.deep.equal([
      ['top-k', 5],
      ['format', 'jpeg'],
    ]);
    // It has such a flag, but not the value.
    expect(valuesOf('export')).to.deep.equal([]);
  });

  it('say what is wrong, with what was meant, and draw nothing', () => {
    const path = temporary('defaults.json');
    const faultOf = (values: unknown, isOwn = true) => {
      set(path, values);
      try {
        readDefaults(path, isOwn);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(faultOf({ modle: 'emoji' })).to.include(
      "'modle' is neither a flag nor a command; did you mean 'model'",
    );
    expect(faultOf({ sample: { stpes: 3 } })).to.include(
      "'stpes' is no flag of sample; did you mean 'steps'?",
    );
    expect(faultOf({ sample: { format: 'bmp' } })).to.include("'sample.format' must be one of png");
    expect(faultOf({ quiet: 'yes' })).to.include("'quiet' must be boolean");
    expect(faultOf({ steps: 3 }))
      .to.include("'steps' means different things in ")
      .and.include('train');
    expect(faultOf([])).to.include('the file must be object');
    expect(faultOf({ model: 'emoji', 'train tokenizer': { steps: 3 } })).to.equal('');
    set(local, { sample: { steps: 'many' } });
    const { code, errors, stdout } = run('sample', '-c', '3');
    expect([code, stdout.length, errors.trimEnd().split('\n').length]).to.deep.equal([3, 0, 1]);
    expect(errors).to.include("arpg.config.json: 'steps': many is not a whole number");
  });

  it('that came with a folder set nothing that writes, runs, sends or fetches', () => {
    const shapes = commandShapes().flatMap(({ flags }) =>
      Object.entries(flags).map(([name, flag]) => ({ ...flag, name })),
    );
    const settable = new Set(shapes.filter(isLocallySettable).map(({ name }) => name));
    for (const name of ['model', 'steps', 'seed', 'guidance', 'target', 'batch', 'lr', 'quiet', 'class'])
      expect(settable, name).to.include(name);
    for (const name of [
      'output',
      'out',
      'frames',
      'dump-graph',
      'trace',
      'debug',
      'resume',
      'hub',
      'file',
      'data',
    ])
      expect(settable, name).to.not.include(name);
    for (const name of ['perceptual', 'init', 'json', 'mask', 'external-data', 'sha256', 'offline'])
      expect(settable, name).to.not.include(name);
    set(local, { sample: { output: 'x.png' } });
    const refused = run('sample', '-c', '3');
    expect([refused.code, refused.errors.includes("'sample.output' may not be set")]).to.deep.equal([
      3,
      true,
    ]);
    set(local, { model: 'owner/name' });
    const unknown = run('sample', '-c', '3');
    expect([unknown.code, unknown.errors.includes("model 'owner/name' is not there")]).to.deep.equal([
      3,
      true,
    ]);
    set(own, { sample: { output: 'own.png' }, model: 'tiny' });
    rmSync(local);
    expect(run('sample', '-c', '3', '-s', '1').code).to.equal(0);
    expect(PNG.sync.read(readFileSync(temporary('work/own.png')))).to.include({ width: 8 });
  });

  it('are shown by doctor, which works with broken ones', () => {
    set(local, { model: 'emoji', sample: { steps: 3 } });
    writeFileSync(own, '{');
    const { defaults, default_model: model } = JSON.parse(run('doctor', '--json').text);
    expect(defaults[0]).to.include({ path: 'arpg.config.json', sets: 'model=emoji, sample.steps=3' });
    expect(defaults[1].fault).to.include('not valid JSON');
    expect(model.folder).to.match(/emoji$/);
    expect(run('help', 'sample').code).to.equal(0);
    expect(run('sample', '-c', '1').code).to.equal(3);
  });
});
