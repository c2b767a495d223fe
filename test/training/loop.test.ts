import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PNG } from 'pngjs';
import { openImageSource } from '../../src/data/imageSource.js';
import { InputError } from '../../src/errors.js';
import { dataOrder } from '../../src/training/dataOrder.js';
import { learningRateAt } from '../../src/training/learningRate.js';
import { readCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { readTokenCache } from '../../src/training/tokenCache.js';
import { heldOutBatches, splitExamples } from '../../src/training/heldOut.js';
import { arpg, remarks } from '../support/cli.js';
import { writeStripes } from '../support/stripes.js';
import { temporaryFolder } from '../support/temporary.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

async function expectInputError(attempt: Promise<unknown>, message: string): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(InputError);
  expect((error as InputError).message).to.include(message);
}

const tokenizerConfig = {
  codebook_size: 32,
  codebook_embed_dim: 4,
  ch: 32,
  ch_mult: [1, 1],
  z_channels: 32,
  num_res_blocks: 1,
  image_size: 16,
};
const generatorConfig = { dim: 32, n_layer: 2, n_head: 2, multiple_of: 32 };

describe('data order and learning rate', () => {
  const temporary = temporaryFolder();

  it('every pass sees every example once, in an order of its own', () => {
    const order = dataOrder(10, 4, 7);
    const drawn = Array.from({ length: 5 }, (_, step) => order.batch(step + 1)).flat();
    const all = Array.from({ length: 10 }, (_, index) => index);
    expect([...drawn.slice(0, 10)].sort((a, b) => a - b)).to.deep.equal(all);
    expect([...drawn.slice(10)].sort((a, b) => a - b)).to.deep.equal(all);
    expect(drawn.slice(0, 10)).to.not.deep.equal(drawn.slice(10));
    expect(dataOrder(10, 4, 7).batch(3)).to.deep.equal(order.batch(3));
  });

  it('held-out examples are never trained on', () => {
    const { training, heldOut } = splitExamples(100, 0.2, 3);
    expect(heldOut).to.have.length(20);
    expect(new Set([...training, ...heldOut]).size).to.equal(100);
    expect(splitExamples(1, 0.5, 3).training).to.have.length(1);
  });

  it('without crops, and where classes are large, the split is the beginning of the order drawn', () => {
    const order = dataOrder(200, 200, 7 ^ 0x5eed).batch(1);
    const classIds = Array.from({ length: 200 }, (_, index) => index % 10);
    for (const kinds of [undefined, { classIds }, { classIds, pictures: order.map((_, index) => index) }])
      expect(splitExamples(200, 0.1, 7, kinds)).to.deep.equal({
        heldOut: order.slice(0, 20),
        training: order.slice(20),
      });
  });

  it('a split parts no picture, and leaves every class one to train on', () => {
    for (let seed = 0; seed < 50; seed++) {
      // 20 pictures with 5 crops each; the first class has a single picture, the second two, one of them in both.
      const pictures = Array.from({ length: 100 }, (_, example) => example % 20);
      const classIds = pictures.map((picture, example) => {
        if (picture === 0) return 0;
        if (picture === 1 || (picture === 2 && example < 50)) return 1;
        return 2;
      });
      const { training, heldOut } = splitExamples(100, 0.5, seed, { classIds, pictures });
      expect([...training, ...heldOut].sort((a, b) => a - b)).to.deep.equal(
        pictures.map((_, index) => index),
      );
      const seen = new Set(training.map((example) => pictures[example]));
      expect(heldOut.filter((example) => seen.has(pictures[example]))).to.deep.equal([]);
      expect(heldOut).to.have.length(50);
      expect(new Set(training.map((example) => classIds[example])).size).to.equal(3);
    }
    const alone = [0, 1, 2, 3];
    expect(splitExamples(4, 0.9, 1, { classIds: alone }).heldOut).to.deep.equal([]);
    expect(splitExamples(4, 0.4, 1, { pictures: [0, 0, 1, 1] }).heldOut).to.deep.equal([]);
    expect(splitExamples(4, 0.5, 1, { pictures: [0, 0, 1, 1] }).heldOut).to.have.length(2);
  });

  it('few held-out examples make one smaller batch, none make none', () => {
    const examples = (count: number) => Array.from({ length: count }, (_, index) => index);
    const sizes = (count: number, batch: number) =>
      heldOutBatches(examples(count), batch).map(({ length }) => length);
    expect(sizes(0, 32)).to.deep.equal([]);
    expect(sizes(5, 32)).to.deep.equal([5]);
    expect(sizes(32, 32)).to.deep.equal([32]);
    expect(sizes(70, 32)).to.deep.equal([32, 32]);
    expect(sizes(1000, 32)).to.deep.equal(new Array(8).fill(32));
    expect(heldOutBatches(examples(70), 32).flat()).to.deep.equal(examples(64));
  });

  it('a log is read in spite of torn and foreign lines', () => {
    const folder = temporary('log');
    mkdirSync(folder);
    const lines = [
      '\uFEFF{"step":1,"loss":2}',
      'null',
      '5',
      '[]',
      '"text"',
      '{"step":"2","loss":1}',
      '{"step":1.5,"loss":1}',
      '{"loss":1}',
      '{"step":2,"loss":"1","validation_loss":3}',
      `{"step":3,"x":${'['.repeat(1e5)}}`,
      '{"step":3,"lo',
    ];
    writeFileSync(`${folder}/log.jsonl`, lines.join('\n'));
    expect(readLog(folder)).to.deep.equal([
      { step: 1, loss: 2 },
      { step: 2, validation_loss: 3 },
    ]);
  });

  it('the learning rate rises, then falls to its final value', () => {
    const schedule = { peak: 1, final: 0.1, warmupSteps: 10, totalSteps: 110 };
    expect(learningRateAt(5, schedule)).to.equal(0.5);
    expect(learningRateAt(10, schedule)).to.equal(1);
    expect(learningRateAt(60, schedule)).to.be.closeTo(0.55, 1e-9);
    expect(learningRateAt(110, schedule)).to.be.closeTo(0.1, 1e-9);
    expect(learningRateAt(500, schedule)).to.be.closeTo(0.1, 1e-9);
  });

  it('a learning rate that is held falls to nothing at the end, but not below its floor', () => {
    const schedule = { peak: 2, final: 0.02, warmupSteps: 10, totalSteps: 100, holdShare: 0.9 };
    const rates = [1, 10, 50, 90, 95, 99, 100, 300].map((step) => learningRateAt(step, schedule));
    const expected = [0.2, 2, 2, 2, 1, 1 + Math.cos(0.9 * Math.PI), 0.02, 0.02];
    for (const [at, rate] of rates.entries()) expect(rate).to.be.closeTo(expected[at]!, 1e-9);
  });
});

describe('image sources', () => {
  const temporary = temporaryFolder();
  const idx = (magic: number, sizes: readonly number[], data: Uint8Array) => {
    const header = Buffer.alloc(4 + 4 * sizes.length);
    header.writeUInt32BE(magic, 0);
    for (const [axis, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
    return Buffer.concat([header, data]);
  };

  it('IDX files give grey images and their labels', async () => {
    mkdirSync(temporary('idx'));
    writeFileSync(
      temporary('idx/train-images-idx3-ubyte'),
      idx(
        0x803,
        [2, 4, 4],
        new Uint8Array(32).map((_, index) => index * 8),
      ),
    );
    writeFileSync(temporary('idx/train-labels-idx1-ubyte'), idx(0x801, [2], Uint8Array.of(1, 0)));
    const source = await openImageSource(temporary('idx'));
    expect([source.count, source.classOf(0), source.classOf(1)]).to.deep.equal([2, 1, 0]);
    expect(source.labels).to.deep.equal(['0', '1']);
    const { data } = await source.image(1);
    expect(Array.from(data.subarray(0, 6))).to.deep.equal([128, 128, 128, 136, 136, 136]);
    writeFileSync(temporary('idx/train-images-idx3-ubyte'), idx(0x803, [3, 4, 4], new Uint8Array(32)));
    await expectInputError(openImageSource(temporary('idx')), '3×4×4 elements are announced, 32 are there');
  });

  it('a class folder within another is a class of its own', async () => {
    const folder = temporary('nested');
    writeStripes(`${folder}/stripes`, 2);
    writeStripes(folder, 1);
    mkdirSync(`${folder}/down/deeper`);
    copyFileSync(`${folder}/down/0.png`, `${folder}/down/deeper/0.png`);
    const source = await openImageSource(folder);
    expect(source.labels).to.deep.equal(['across', 'down', 'down/deeper', 'stripes/across', 'stripes/down']);
    const classes = Array.from({ length: source.count }, (_, index) => source.classOf(index));
    expect(classes).to.deep.equal([0, 1, 2, 3, 3, 4, 4]);
  });

  it('a corrupt image is reported and another one stands in for it', async () => {
    writeStripes(temporary('some'), 2);
    writeFileSync(temporary('some/across/0.png'), 'no picture');
    const source = await openImageSource(temporary('some'));
    expect([source.count, source.labels]).to.deep.equal([4, ['across', 'down']]);
    expect((await source.image(0)).data).to.deep.equal((await source.image(1)).data);
    expect([...source.failures.keys()]).to.deep.equal([temporary('some/across/0.png')]);
    await expectInputError(openImageSource(temporary('nowhere')), 'no such file');
    mkdirSync(temporary('void'));
    await expectInputError(openImageSource(temporary('void')), 'no images');
  });
});

describe('arpg train', () => {
  const temporary = temporaryFolder();

  /** Flags of a run on the small test images, with the tokenizer that an earlier test trained. */
  const stripesRun = (steps: number): readonly string[] => {
    const paths = ['--data', 'stripes', '--tokenizer', 'vq/model', '--config', 'arpg.json'].map(
      (part, index) => (index % 2 === 0 ? part : temporary(part)),
    );
    return [...paths, '--steps', String(steps), '--batch', '8', '--seed', '5'];
  };
  const train = (...args: readonly string[]) =>
    arpg(['train', ...args, '--target', 'onnx', '--threads', '2', '--quiet']);

  /** Makes a run one that began before its files had fingerprints, so that changes are found when they are read. */
  const withoutFingerprints = (run: string) => {
    const { fingerprints: _, ...settings } = JSON.parse(readFileSync(`${run}/run.json`, 'utf8'));
    writeFileSync(`${run}/run.json`, JSON.stringify(settings));
  };

  before(() => {
    writeStripes(temporary('stripes'), 24);
    writeFileSync(temporary('vq.json'), JSON.stringify(tokenizerConfig));
    writeFileSync(temporary('arpg.json'), JSON.stringify(generatorConfig));
  });

  it('a tokenizer and a generator learn, and the model samples', () => {
    const tokenizer = train(
      'tokenizer',
      '--data',
      temporary('stripes'),
      '--out',
      temporary('vq'),
      '--config',
      temporary('vq.json'),
      '--steps',
      '60',
      '--batch',
      '8',
      '--seed',
      '1',
      '--holdout',
      '0.2',
      '--lr',
      '0.003',
      '--warmup',
      '5',
    );
    expect(tokenizer.errors).to.equal('');
    const reconstruction = readLog(temporary('vq')).flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
    expect(reconstruction.at(-1)!).to.be.below(reconstruction[0]! * 0.4);
    const generator = train(
      '--data',
      temporary('stripes'),
      '--tokenizer',
      temporary('vq/model'),
      '--out',
      temporary('run'),
      '--config',
      temporary('arpg.json'),
      '--steps',
      '200',
      '--batch',
      '8',
      '--seed',
      '1',
      '--holdout',
      '0.2',
      '--lr',
      '0.005',
      '--warmup',
      '5',
      '--ema',
      '0.9',
    );
    expect(generator.errors).to.equal('');
    const log = readLog(temporary('run'));
    const losses = log.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
    expect(losses[0]!).to.be.closeTo(Math.log(32), 0.01);
    expect(losses.at(-1)!).to.be.below(losses[0]! * 0.85);
    expect(log.some(({ validation_loss: held }) => held !== undefined && held < losses[0]!)).to.equal(true);
    expect(PNG.sync.read(readFileSync(temporary('run/loss.png')))).to.include({ width: 800, height: 400 });
    const sample = arpg([
      'sample',
      '--model',
      temporary('run/model'),
      '--class',
      'down',
      '--seed',
      '1',
      '-o',
      temporary('down.png'),
    ]);
    expect(remarks(sample.errors)).to.equal('');
    expect(PNG.sync.read(readFileSync(temporary('down.png')))).to.include({ width: 16, height: 16 });
  }).timeout(240_000);

  it('class folders go through tokens to a model whose classes keep their names', () => {
    const data = temporary('numbers');
    for (const label of ['10', '9', '2']) {
      mkdirSync(`${data}/${label}`, { recursive: true });
      for (let index = 0; index < 4; index++)
        copyFileSync(temporary(`stripes/down/${index}.png`), `${data}/${label}/${index}.png`);
    }
    writeFileSync(`${data}/9/1.png`, 'no picture');
    const tokenized = arpg([
      'tokenize',
      '--model',
      temporary('vq/model'),
      data,
      '-o',
      temporary('numbers.jsonl'),
    ]);
    expect([tokenized.code, tokenized.text]).to.deep.equal([3, '']);
    expect(tokenized.errors)
      .to.include(`skipped ${data}/9/1.png: `)
      .and.include('1 of 12 images could not be read and were skipped');
    const lines = readFileSync(temporary('numbers.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).class)).to.deep.equal([
      ...new Array(4).fill('2'),
      ...new Array(3).fill('9'),
      ...new Array(4).fill('10'),
    ]);
    for (const [from, name] of [
      [data, 'of-pictures'],
      [temporary('numbers.jsonl'), 'of-lines'],
    ] as const) {
      const { code, errors } = arpg([
        ...[
          'train',
          '--data',
          from,
          '--tokenizer',
          temporary('vq/model'),
          '--config',
          temporary('arpg.json'),
        ],
        ...['--steps', '2', '--batch', '8', '--seed', '1', '--holdout', '0.3', '--out', temporary(name)],
        ...['--target', 'onnx', '--threads', '2'],
      ]);
      expect(code, errors).to.equal(0);
      expect(errors).to.include('11 images of 3 classes').and.include('validates on 3 held-out images');
      expect(errors).to.match(/the weights of step 2, with the lowest held-out loss, \d/);
      expect(readFileSync(temporary(`${name}/model/README.md`), 'utf8')).to.match(
        /Weights:\*\* of step 2, with the lowest held-out loss/,
      );
      expect(
        readLog(temporary(name)).filter(({ validation_loss: loss }) => loss !== undefined),
      ).to.have.length(1);
      const sample = (...flags: readonly string[]) =>
        arpg([
          'sample',
          '--model',
          temporary(`${name}/model`),
          '--seed',
          '1',
          '--format',
          'tokens',
          ...flags,
        ]);
      const nine = sample('--class', '9', '--class', '10', '--class', '2');
      expect(
        nine.text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).class_id),
      ).to.deep.equal([1, 2, 0]);
      expect(nine.errors).to.include("class 2 is the class '2' (index 0), not '10' (index 2)");
    }
    expect(readFileSync(temporary('of-pictures/model/model.safetensors'))).to.deep.equal(
      readFileSync(temporary('of-lines/model/model.safetensors')),
    );
    const none = arpg([
      ...['train', '--data', data, '--tokenizer', temporary('vq/model'), '--config', temporary('arpg.json')],
      ...['--steps', '1', '--batch', '8', '--seed', '1', '--out', temporary('unvalidated')],
      ...['--target', 'onnx', '--threads', '2'],
    ]);
    expect(none.errors)
      .to.include('no image is held out to validate on')
      .and.include('the weights of step 1, the last; no image was held out to choose by')
      .and.include(`skipped ${data}/9/1.png: `)
      .and.include('1 images could not be read and were left out');
  }).timeout(240_000);

  it('a run whose data has changed is not continued with it', () => {
    const run = temporary('changed');
    const lines = (text: string) => writeFileSync(temporary('changing.jsonl'), text);
    lines('{"tokens":[1,2,3,4],"class_id":1}\n'.repeat(8));
    const flags = ['--data', temporary('changing.jsonl'), '--tokenizer', temporary('vq/model'), '--out', run];
    const more = ['--config', temporary('arpg.json'), '--steps', '1', '--batch', '4', '--seed', '1'];
    expect(train(...flags, ...more).errors).to.equal('');
    lines('{"tokens":[1,2,3,4],"class_id":0}\n'.repeat(8));
    const changed = train('--resume', run);
    expect([changed.code, changed.errors.includes('is not what the run')]).to.deep.equal([3, true]);
    withoutFingerprints(run);
    for (const [text, says] of [
      ['{"tokens":[1],"class_id":1}', '1 tokens an image where the run has 4'],
      ['{"tokens":[1,2,3,4],"class_id":2}', 'class 2 where the run has 2 classes'],
      ['{"tokens":[1,2,3,32],"class_id":1}', 'token 32 is outside the codebook of 32'],
      ['{"tokens":[1,2,3,4294967299],"class_id":1}', "line 1: field 'tokens.3'"],
    ] as const) {
      lines(text);
      const { code, errors } = train('--resume', run);
      expect(code, errors).to.equal(3);
      expect(errors).to.include(says).and.include('changing.jsonl');
    }
    lines('{"tokens":[1,2,3,4,5,6]}');
    const odd = train(...flags.with(-1, temporary('odd-run')), ...more);
    expect([odd.code, odd.errors.includes('6 tokens an image fill no square grid')]).to.deep.equal([3, true]);
    expect(existsSync(temporary('odd-run'))).to.equal(false);
  }).timeout(120_000);

  it('a run keeps the numbers of its classes when its pictures are tokenized again', () => {
    const [data, run] = [temporary('relabelled'), temporary('relabelled-run')];
    writeStripes(data, 2);
    const flags = ['--data', data, '--tokenizer', temporary('vq/model'), '--config', temporary('arpg.json')];
    expect(train(...flags, '--steps', '1', '--batch', '2', '--seed', '1', '--out', run).errors).to.equal('');
    expect([...readTokenCache(run, { kind: 'indices' })!.classIds]).to.deep.equal([0, 0, 1, 1]);
    const settings = JSON.parse(readFileSync(`${run}/run.json`, 'utf8'));
    writeFileSync(`${run}/run.json`, JSON.stringify({ ...settings, labels: ['down', 'across'] }));
    rmSync(`${run}/tokens.safetensors`);
    expect(train('--resume', run).errors).to.equal('');
    expect([...readTokenCache(run, { kind: 'indices' })!.classIds]).to.deep.equal([1, 1, 0, 0]);
    rmSync(`${run}/tokens.safetensors`);
    renameSync(`${data}/down`, `${data}/around`);
    withoutFingerprints(run);
    const renamed = train('--resume', run);
    expect(renamed.code).to.equal(3);
    expect(renamed.errors).to.include("class 'around' was not there when the run began");
  }).timeout(120_000);

  it('a run killed at any moment continues with the losses of one that was not', async () => {
    const flags = [...stripesRun(40), '--checkpoint-every', '7', '--holdout', '0.2'];
    expect(train(...flags, '--out', temporary('whole')).code).to.equal(0);
    const child = spawn(
      process.execPath,
      [
        program,
        'train',
        ...flags,
        '--out',
        temporary('killed'),
        '--target',
        'onnx',
        '--threads',
        '2',
        '--quiet',
      ],
      { stdio: 'ignore' },
    );
    const steps = () => readLog(temporary('killed')).length;
    while (steps() < 18 && child.exitCode === null) await sleep(5);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(steps()).to.be.below(40);
    const resumed = train('--resume', temporary('killed'));
    expect(resumed.errors).to.equal('');
    const losses = (name: string) =>
      readLog(temporary(name)).map(({ step, loss, validation_loss: held }) => [step, loss, held]);
    expect(losses('killed')).to.deep.equal(losses('whole'));
    const weights = (name: string) => readFileSync(temporary(`${name}/model/model.safetensors`));
    expect(weights('killed').equals(weights('whole'))).to.equal(true);
    expect(readdirSync(temporary('killed/checkpoints')).every((name) => /^step-\d+$/.test(name))).to.equal(
      true,
    );
  }).timeout(240_000);

  it('a generator trains on JSON lines of tokens, in parts and with dropout', () => {
    const tokenized = arpg(['tokenize', '--model', temporary('vq/model'), temporary('stripes/across')]);
    writeFileSync(temporary('tokens.jsonl'), tokenized.stdout);
    const run = train(
      ...[
        '--data',
        temporary('tokens.jsonl'),
        '--tokenizer',
        temporary('vq/model'),
        '--out',
        temporary('tokens'),
      ],
      ...[
        '--config',
        temporary('arpg.json'),
        '--steps',
        '4',
        '--batch',
        '8',
        '--accumulate',
        '4',
        '--seed',
        '1',
      ],
      ...['--dropout', '0.2', '--recompute'],
    );
    expect(run.errors).to.equal('');
    expect(readLog(temporary('tokens')).filter(({ loss }) => loss !== undefined)).to.have.length(4);
    expect(existsSync(temporary('tokens/model/config.json'))).to.equal(true);
    writeFileSync(temporary('outside.jsonl'), '{"tokens":[1,2,3,999]}\n');
    const outside = train(
      ...[
        '--data',
        temporary('outside.jsonl'),
        '--tokenizer',
        temporary('vq/model'),
        '--out',
        temporary('none'),
      ],
    );
    expect([outside.code, outside.errors.includes('token 999 is outside the codebook of 32')]).to.deep.equal([
      3,
      true,
    ]);
  }).timeout(240_000);

  it('--init starts from the weights of a model', () => {
    const flags = [
      '--data',
      temporary('stripes'),
      '--tokenizer',
      temporary('vq/model'),
      '--config',
      temporary('arpg.json'),
    ];
    const more = ['--steps', '1', '--batch', '8', '--seed', '1', '--init', temporary('run/model')];
    expect(train(...flags, ...more, '--out', temporary('continued')).errors).to.equal('');
    const first = (name: string) => readLog(temporary(name)).find(({ loss }) => loss !== undefined)!.loss!;
    expect(first('continued')).to.be.below(first('run') * 0.9);
    const missing = train(...flags, ...more.with(-1, temporary('nowhere')), '--out', temporary('unmade'));
    expect([missing.code, missing.errors.includes('no such model folder')]).to.deep.equal([3, true]);
  }).timeout(120_000);

  it('a full disk ends the run, says so and keeps the last good checkpoint', function () {
    const folder = temporary('small-disk');
    mkdirSync(folder);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', folder]).status !== 0) this.skip();
    try {
      const flags = [
        '--data',
        temporary('stripes'),
        '--tokenizer',
        temporary('vq/model'),
        '--out',
        `${folder}/run`,
      ];
      const { code, errors } = train(
        ...flags,
        ...[
          '--config',
          temporary('arpg.json'),
          '--steps',
          '60',
          '--batch',
          '8',
          '--checkpoint-every',
          '5',
          '--seed',
          '1',
        ],
      );
      expect([code, errors]).to.satisfy(
        ([exit, text]: [number, string]) => exit === 5 && /disk is full/.test(text),
        errors,
      );
      const checkpoint = readCheckpoint(`${folder}/run`);
      expect(checkpoint?.step).to.be.greaterThan(0);
      for (const { read } of checkpoint!.state.values()) expect(read().length).to.be.greaterThan(0);
      const names = readdirSync(`${folder}/run/checkpoints`);
      expect(names.every((name) => /^step-\d+$/.test(name))).to.equal(true);
    } finally {
      spawnSync('umount', [folder]);
    }
  }).timeout(120_000);

  it('an interrupt saves and says how to continue', async () => {
    const flags = stripesRun(5000);
    const child = spawn(
      process.execPath,
      [program, 'train', ...flags, '--out', temporary('stopped'), '--target', 'onnx'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    while (!existsSync(temporary('stopped/log.jsonl')) && child.exitCode === null) await sleep(20);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).to.equal(130);
    expect(errors).to.include('continue with --resume');
    expect(existsSync(temporary('stopped/latest'))).to.equal(true);
  }).timeout(120_000);

  it('refuses a run that exists, a folder without one, and missing flags', () => {
    const again = train(
      'tokenizer',
      '--data',
      temporary('stripes'),
      '--out',
      temporary('vq'),
      '--config',
      temporary('vq.json'),
      '--seed',
      '1',
    );
    expect([again.code, again.errors.includes('--resume')]).to.deep.equal([5, true]);
    expect(train('--resume', temporary('nothing')).code).to.equal(3);
    expect(train('tokenizer').code).to.equal(2);
    expect(train('--data', temporary('stripes'), '--out', temporary('new')).errors).to.include('--tokenizer');
    expect(existsSync(temporary('new'))).to.equal(false);
  });
});
