import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { JobOutputs } from '../../src/cli/jobOutputs.js';
import { planJob } from '../../src/cli/jobPlan.js';
import type { SampleFlags } from '../../src/cli/sampleRequest.js';
import { UserError } from '../../src/errors.js';
import { load, type Model, parseJob } from '../../src/index.js';
import { temporaryFolder } from '../support/temporary.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

function failureOf(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(UserError);
    return error as UserError;
  }
  return expect.fail('it should fail');
}

describe('what a line of jobs comes to', () => {
  const temporary = temporaryFolder();
  let model: Model;
  before(async () => {
    model = await load(tiny, { target: 'reference' });
  });
  after(() => model.dispose());
  const flags = { rope: 'extend', class: ['2'], steps: 4, quality: 70 } as unknown as SampleFlags;
  const plan = (fields: object, own = flags, index = 0) =>
    planJob(model, own, parseJob(JSON.stringify(fields), 5, 'jobs'), index, new JobOutputs(temporary('out')));

  it('is its own fields, and the flags for the others', () => {
    const { class: named, settings, choice, picture, seed, path } = plan({ output: 'x/a.jpg', 'top-p': 0.5 });
    expect([named, settings.steps, settings.topP, picture, seed]).to.deep.equal(['2', 4, 0.5, 0, undefined]);
    expect([choice.encoding, choice.quality]).to.deep.equal(['jpeg', 70]);
    expect(path).to.equal(temporary('out/x/a.jpg'));
    expect(plan({ output: 'a.png', class: 1, steps: 2 })).to.deep.include({ class: 1 });
    expect(plan({ output: 'a.png', order: 'raster' }).settings.order).to.have.length(16);
    // Pictures of one seed have different numbers; one of its own seed is the first.
    expect(plan({ output: 'a.png' }, flags, 3).picture).to.equal(3);
    expect(plan({ output: 'a.png', seed: 1 }, flags, 3)).to.include({ seed: 1, picture: 0 });
    expect(plan({ output: 'a.png', seed: 1, picture: 9 }, flags, 3).picture).to.equal(9);
  });

  it('is refused with the line where it does not suit the model or the file', () => {
    for (const [code, fields, reason] of [
      [2, { output: 'a.bmp' }, 'nothing here is written as .bmp'],
      [2, { output: 'a.png', quality: 3 }, '--quality is for JPEG and WebP'],
      [2, { output: 'a.png', 'scale-filter': 'lanczos' }, '--scale-filter is for --scale N'],
      [2, { output: 'a.png', class: 10 }, 'class 10 does not exist'],
      [2, { output: 'a.png', steps: 17 }, 'steps 17'],
      [2, { output: 'a.png', size: '9x8' }, 'size 9x8'],
      [2, { output: 'a.png', size: 'big' }, 'size big is not of the form'],
      [2, { output: 'a.png', order: [0, 1] }, 'the order must hold'],
      [2, { output: 'a.png', scale: 64, size: '512x512' }, '--scale 64'],
      [3, { output: '../a.png' }, 'is not a path below'],
    ] as const) {
      const { exitCode, message } = failureOf(() => plan(fields));
      expect(message)
        .to.match(/^jobs: line 5: /)
        .and.include(reason);
      expect(exitCode, reason).to.equal(code);
    }
  });
});

describe('where jobs put their pictures', () => {
  const temporary = temporaryFolder();

  it('is below the folder, each in a place of its own', () => {
    const outputs = new JobOutputs(temporary('out'));
    expect(outputs.take('a.png', 'one')).to.equal(temporary('out/a.png'));
    expect(outputs.take('b/a.png', 'two')).to.equal(temporary('out/b/a.png'));
    for (const output of ['a.png', 'A.PNG', 'ａ.png'])
      expect(failureOf(() => outputs.take(output, 'three')).message).to.match(
        /^three: output '.*' is that of one/,
      );
    for (const output of [
      '',
      '.',
      '..',
      '../a',
      'c/../../a',
      '/tmp/a',
      'c//a',
      'c/',
      './c',
      'c\\a',
      'c\u001b',
    ])
      expect(failureOf(() => outputs.take(output, 'x')).message, output).to.include('is not a path below');
  });

  it('is reached by no link that leads out, and is no folder', () => {
    const [outside, out] = [temporary('outside'), temporary('in')];
    for (const path of [outside, out, `${out}/sub`]) mkdirSync(path);
    symlinkSync(outside, `${out}/link`);
    symlinkSync(`${outside}/new.png`, `${out}/new.png`);
    symlinkSync(`${out}/sub`, `${out}/within`);
    const outputs = new JobOutputs(out);
    for (const output of ['link/a.png', 'new.png', 'link/deep/a.png'])
      expect(failureOf(() => outputs.take(output, 'x')).message, output).to.include('leads out of');
    expect(failureOf(() => outputs.take('sub', 'x')).message).to.include('is a folder');
    expect(outputs.take('within/a.png', 'x')).to.equal(`${out}/within/a.png`);
    writeFileSync(`${out}/file`, '');
    expect(failureOf(() => outputs.take('file/a.png', 'x')).exitCode).to.equal(5);
    expect(readdirSync(outside)).to.deep.equal([]);
    // The folder itself may be a link.
    symlinkSync(outside, temporary('linked'));
    expect(new JobOutputs(temporary('linked')).take('a.png', 'x')).to.equal(temporary('linked/a.png'));
  });
});
