import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { encodePng } from '../../src/data/image.js';
import { openImageSource } from '../../src/data/imageSource.js';
import { InputError, OutputError, TargetError, UsageError } from '../../src/errors.js';
import { type GeneratorRequest, trainGenerator, trainTokenizer } from '../../src/faces/training.js';
import { readFloats, type Weights } from '../../src/graph/weights.js';
import { openGenerator, openTokenizer } from '../../src/models/modelFolder.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { createTokenizer } from '../../src/tokenizers/tokenizer.js';
import type { RunProgress } from '../../src/training/request.js';
import { reopenRun } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { readTokenCache } from '../../src/training/tokenCache.js';
import { arpg } from '../support/cli.js';
import { loadImages } from '../support/modelMetrics.js';
import { pattern } from '../support/pngs.js';
import { temporaryFolder } from '../support/temporary.js';

const tokenizer = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));
const target = onnxTarget({ threads: 1 });

/** Runs a training and keeps what it says. */
async function listen(
  train: (host: Parameters<typeof trainGenerator>[1]) => ReturnType<typeof trainGenerator>,
) {
  const [notes, progress]: [string[], RunProgress[]] = [[], []];
  const onNote = (note: string) => void notes.push(note);
  const onProgress = (step: RunProgress) => void progress.push(step);
  return { trained: await train({ target, onNote, onProgress }), notes, progress };
}

async function refusal(attempt: Promise<unknown>): Promise<Error> {
  try {
    await attempt;
  } catch (error) {
    return error as Error;
  }
  return expect.fail('it was not refused');
}

const valuesOf = (weights: Weights) =>
  Object.fromEntries([...weights].map(([name, tensor]) => [name, Array.from(readFloats(tensor))]));

describe('training as a library', function () {
  this.timeout(240_000);
  const temporary = temporaryFolder();
  const tokens = (name: string, more: GeneratorRequest = {}): GeneratorRequest => ({
    ...{ data: temporary('data.jsonl'), tokenizer, out: temporary(name), seed: 1, batch: 4, steps: 6 },
    ...{ config: { dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 }, holdout: 0.3, checkpointEvery: 3 },
    ...more,
  });
  const settingsOf = (name: string) => JSON.parse(readFileSync(temporary(`${name}/run.json`), 'utf8'));
  const losses = (name: string) =>
    readLog(temporary(name)).map(({ step, loss, validation_loss: held }) => [step, loss, held]);

  before(async () => {
    mkdirSync(temporary('.'), { recursive: true });
    const lines = Array.from({ length: 20 }, (_, image) => ({
      tokens: Array.from({ length: 16 }, (_, place) => (image * 7 + place * 3) % 32),
      grid: [4, 4],
      class_id: image % 2,
      source: `${image}.png`,
    }));
    writeFileSync(temporary('data.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    for (const label of ['a', 'b']) {
      mkdirSync(temporary(`pictures/${label}`), { recursive: true });
      for (let index = 0; index < 6; index++)
        writeFileSync(
          temporary(`pictures/${label}/${index}.png`),
          encodePng({ width: 16, height: 16, data: pattern(16, 16, 3).map((value) => value ^ index) }),
        );
    }
    await trainGenerator(tokens('known'), { target });
  });

  it('makes a run and a model with one call, and says how far it is', async () => {
    const { trained, notes, progress } = await listen((host) => trainGenerator(tokens('one'), host));
    const [run, model] = [temporary('one'), temporary('one/model')];
    expect(trained).to.deep.equal({ run, step: 6, stopped: false, model });
    expect(notes).to.include.members(['20 images of 2 classes', 'validates on 4 held-out images']);
    expect(notes.at(-1)).to.match(/^wrote .*model: the weights of step \d, with the lowest held-out loss/);
    expect(progress.map(({ phase, done, total }) => [phase, done, total])).to.deep.equal(
      [0, 1, 2, 3, 4, 5, 6].map((step) => ['training', step, 6]),
    );
    expect(progress[0]!.loss).to.equal(undefined);
    expect(progress[3]!.loss).to.equal(losses('one')[2]![1]);
    expect(progress[3]!.imagesPerSecond).to.be.greaterThan(0);
    for (const file of ['loss.png', 'samples/step-00000003.png', 'samples/step-00000006.png'])
      expect(existsSync(temporary(`one/${file}`)), file).to.equal(true);
    expect(openGenerator(model).config).to.include({ dim: 16, num_classes: 2, block_size: 16 });
  });

  it('is what the command does', async () => {
    writeFileSync(
      temporary('arpg.json'),
      JSON.stringify({ dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 }),
    );
    const { code, errors } = arpg([
      ...[
        'train',
        '--data',
        temporary('data.jsonl'),
        '--tokenizer',
        tokenizer,
        '--out',
        temporary('command'),
      ],
      ...['--config', temporary('arpg.json'), '--seed', '1', '--batch', '4', '--steps', '6'],
      ...['--holdout', '0.3', '--checkpoint-every', '3', '--target', 'onnx', '--threads', '1'],
    ]);
    expect(code, errors).to.equal(0);
    expect(settingsOf('command')).to.deep.equal(settingsOf('known'));
    expect(losses('command')).to.deep.equal(losses('known'));
    const bytes = (name: string) => readFileSync(temporary(`${name}/model/model.safetensors`));
    expect(bytes('command').equals(bytes('known'))).to.equal(true);
  });

  it('makes tokens of pictures first', async () => {
    const request = tokens('pictured', { data: temporary('pictures'), steps: 1 });
    const { progress, notes } = await listen((host) => trainGenerator(request, host));
    expect(progress.slice(0, 2).map(({ phase, done, total }) => [phase, done, total])).to.deep.equal([
      ['tokenizing', 0, 12],
      ['tokenizing', 12, 12],
    ]);
    expect(progress.at(-1)).to.include({ phase: 'training', done: 1 });
    expect(notes).to.include('12 images of 2 classes');
    expect(readTokenCache(temporary('pictured'), { kind: 'indices' })!.classIds).to.have.length(12);
    expect(settingsOf('pictured').labels).to.deep.equal(['a', 'b']);
  });

  it('saves when it is stopped, and continues to the same weights', async () => {
    const controller = new AbortController();
    const stopped = await trainGenerator(tokens('stopped'), {
      target,
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 4) controller.abort();
      },
    });
    expect(stopped).to.deep.equal({ run: temporary('stopped'), step: 4, stopped: true });
    expect(existsSync(temporary('stopped/model'))).to.equal(false);
    const resumed = await trainGenerator({ resume: temporary('stopped') }, { target });
    expect([resumed.step, resumed.stopped]).to.deep.equal([6, false]);
    expect(losses('stopped')).to.deep.equal(losses('known'));
    expect(valuesOf(openGenerator(resumed.model!).weights)).to.deep.equal(
      valuesOf(openGenerator(temporary('known/model')).weights),
    );
  });

  it('stopped before its first step leaves a run that can be resumed, or none', async () => {
    const early = new AbortController();
    const request = tokens('early', { data: temporary('pictures'), steps: 1 });
    const error = await refusal(
      trainGenerator(request, {
        target,
        signal: early.signal,
        onProgress: () => early.abort(new Error('enough')),
      }),
    );
    expect(error.message).to.equal('enough');
    expect((await trainGenerator({ resume: temporary('early') }, { target })).step).to.equal(1);
    const aborted = { target, signal: AbortSignal.abort(new Error('never')) };
    expect((await refusal(trainGenerator(tokens('unmade'), aborted))).message).to.equal('never');
    expect(existsSync(temporary('unmade'))).to.equal(false);
  });

  it('refuses what it cannot do before there is a run', async () => {
    const out = temporary('refused');
    const noTarget = () => Promise.reject(new TargetError('no such target'));
    for (const [request, kind, says] of [
      [{ out }, UsageError, '--data and --out are needed'],
      [tokens('refused', { tokenizer: undefined }), UsageError, '--tokenizer is needed'],
      [tokens('refused', { batch: 5, accumulate: 2 }), UsageError, '--batch 5 does not divide into 2 parts'],
      [tokens('refused', { learningRate: 0 }), UsageError, '--lr 0 is not a number above 0'],
      [tokens('refused', { seed: 0.5 }), UsageError, 'seed 0.5'],
      [tokens('refused', { warmup: -1 }), InputError, "the request: field 'warmup' must be >= 0"],
      [tokens('refused', { ema: 1 }), InputError, "the request: field 'ema' must be < 1"],
      [tokens('refused', { steps: Number.NaN }), InputError, "the request: field 'steps' must be integer"],
      [tokens('refused', { freeze: ['nothing'] }), UsageError, '--freeze nothing: no parameter'],
      [{ out, resume: temporary('known') }, UsageError, '--out and --resume exclude each other'],
    ] as const) {
      const error = await refusal(trainGenerator(request, { target }));
      expect(error, says).to.be.instanceOf(kind);
      expect(error.message).to.include(says);
    }
    await refusal(trainGenerator(tokens('refused'), { target: noTarget }));
    expect(existsSync(out)).to.equal(false);
    expect(await refusal(trainGenerator(tokens('known'), { target }))).to.be.instanceOf(OutputError);
  });

  it('leaves a run to others when it fails', async () => {
    const resume = { resume: temporary('known') };
    const noTarget = () => Promise.reject(new TargetError('no such target'));
    expect(await refusal(trainGenerator(resume, { target: noTarget }))).to.be.instanceOf(TargetError);
    expect(await refusal(trainGenerator({ ...resume, steps: 2 }, { target }))).to.be.instanceOf(UsageError);
    reopenRun(temporary('known'))();
  });

  it('continues with more steps and files from elsewhere, and with nothing else', async () => {
    await trainGenerator(tokens('longer'), { target });
    cpSync(temporary('data.jsonl'), temporary('moved.jsonl'));
    const request = { resume: temporary('longer'), steps: 8, data: temporary('moved.jsonl') };
    const { trained, notes } = await listen((host) => trainGenerator(request, host));
    expect(trained.step).to.equal(8);
    expect(notes[0]).to.include('the run goes on to step 8');
    expect(settingsOf('longer')).to.include({ steps: 8, decay_steps: 6, data: temporary('moved.jsonl') });
    for (const [more, says] of [
      [{ learningRate: 0.1 }, '--lr 0.1: the run'],
      [{ labelDropout: 0.3 }, '--label-dropout 0.3: the run'],
      [{ config: 'small' }, '--config: the run'],
      [{ freeze: ['norm.weight'] }, '--freeze norm.weight: the run'],
      [{ steps: 2 ** 24 }, "field 'steps' must be <= 16777215"],
    ] as const)
      expect(
        (await refusal(trainGenerator({ resume: temporary('longer'), ...more }, { target }))).message,
      ).to.include(says);
  });

  it('predicts a share of the images from their class alone where the system can be trained so', async () => {
    const losses = async (name: string, classAlone: number) => {
      await trainGenerator(tokens(name, { classAlone, steps: 2 }), { target });
      expect(settingsOf(name)).to.include({ class_alone: classAlone });
      const log = readLog(temporary(name));
      const of = (field: 'loss' | 'validation_loss') =>
        log.flatMap((entry) => (entry[field] === undefined ? [] : [entry[field]]));
      return { training: of('loss'), heldOut: of('validation_loss') };
    };
    const [none, some, all] = [await losses('rest', 0), await losses('some', 0.5), await losses('alone', 1)];
    expect(new Set([none, some, all].map(({ training }) => training[1])).size).to.equal(3);
    // What is judged is how well tokens are predicted from those before, however the network was trained.
    expect(all.heldOut).to.have.length(none.heldOut.length);
    const resumed = trainGenerator({ resume: temporary('some'), classAlone: 0 }, { target });
    expect((await refusal(resumed)).message).to.include('--class-alone 0: the run');
    for (const [request, says] of [
      [{ classAlone: 0.5, system: 'randar' }, '--class-alone: RandAR is not trained so; ARPG can be'],
      [{ classAlone: 1.5 }, "field 'class_alone' must be <= 1"],
    ] as const)
      expect((await refusal(trainGenerator(tokens('refused', request), { target }))).message).to.include(
        says,
      );
  });

  it('trains a tokenizer with one call', async () => {
    const config = { ...openTokenizer(tokenizer).config, image_size: 16 };
    const request = {
      ...{ data: temporary('pictures'), out: temporary('vq'), init: tokenizer, config, seed: 1 },
      ...{ steps: 2, batch: 4, ema: 0.9, freeze: ['quantize.*', 'encoder.*'] },
    };
    const { trained, notes } = await listen((host) => trainTokenizer(request, host));
    expect(notes).to.include('12 images of 2 classes');
    expect(notes).to.include('the codebook is frozen: codes without use stay, too');
    expect(existsSync(temporary('vq/samples/step-00000002.png'))).to.equal(true);
    const [before, after] = [tokenizer, trained.model!].map((folder) =>
      valuesOf(openTokenizer(folder).weights),
    );
    for (const name of Object.keys(before!))
      if (/^(quantize|encoder)\./.test(name)) expect(after![name], name).to.deep.equal(before![name]);
    expect(after!['decoder.conv_out.weight']).to.not.deep.equal(before!['decoder.conv_out.weight']);
    const log = readLog(temporary('vq')).filter(({ loss }) => loss !== undefined);
    expect(log.map((entry) => entry.restarted_codes)).to.deep.equal([0, 0]);
  });

  it('scales the vectors of a trained KL autoencoder to a standard deviation of 1', async () => {
    const config = {
      ...{ embed_dim: 4, ch: 32, ch_mult: [1, 1], num_res_blocks: 1, resolution: 16, scale_factor: 0.2325 },
      ...{ encoder_attn_resolutions: [], decoder_attn_resolutions: [] },
    };
    const request = {
      ...{ kind: 'kl', data: temporary('pictures'), out: temporary('kl'), config, seed: 1 },
      ...{ steps: 2, batch: 4 },
    } as const;
    const { trained, notes } = await listen((host) => trainTokenizer(request, host));
    expect(notes.join('\n')).to.match(/the vectors have a standard deviation of [\d.]+: scale_factor/);
    const model = openTokenizer(trained.model!);
    expect(model.config).to.have.property('scale_factor').that.is.not.equal(0.2325);
    const opened = createTokenizer(model, target);
    const pictures = await loadImages(await openImageSource(temporary('pictures')), 16);
    const codes = await opened.encodeMany(pictures);
    const values = codes.flatMap(({ tokens: vectors }) => Array.from(vectors));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.sqrt(variance)).to.be.closeTo(1, 0.001);
    await opened.dispose();
  });

  it('says when images are shrunk, and trains at the size that is asked for', async () => {
    const { image_size: _, ...config } = openTokenizer(tokenizer).config as { readonly image_size: number };
    mkdirSync(temporary('large/class'), { recursive: true });
    for (const name of ['a', 'b', 'c'])
      writeFileSync(
        temporary(`large/class/${name}.png`),
        encodePng({ width: 64, height: 48, data: pattern(64, 48, 3) }),
      );
    const request = (out: string, imageSize: number) => ({
      ...{ data: temporary('large'), out: temporary(out), config, imageSize, seed: 1 },
      ...{ steps: 1, batch: 1, warmup: 0, holdout: 0, restartAfter: 0 },
    });
    const shrunk = await listen((host) => trainTokenizer(request('at-16', 16), host));
    expect(shrunk.notes).to.include(
      'images of 64×48 pixels are trained on at 16×16; --image-size chooses another size',
    );
    expect(openTokenizer(shrunk.trained.model!).config).to.have.property('image_size', 16);
    const kept = await listen((host) => trainTokenizer(request('at-48', 48), host));
    expect(kept.notes.join('\n')).to.not.include('trained on at');
    const resumed = { resume: temporary('at-16'), steps: 2 };
    expect((await refusal(trainTokenizer({ ...resumed, imageSize: 48 }, { target }))).message).to.include(
      '--image-size 48: the run',
    );
    await trainTokenizer({ ...resumed, imageSize: 16 }, { target });
    const generator = { ...tokens('from-large'), data: temporary('large'), steps: 1, warmup: 0, holdout: 0 };
    const { notes } = await listen((host) => trainGenerator(generator, host));
    expect(notes).to.include(
      "images of 64×48 pixels are trained on at 16×16, the tokenizer's size; train one with --image-size for another",
    );
  });

  it('keeps frozen parameters as the model has them that it starts from', async () => {
    const known = temporary('known/model');
    const freeze = ['embeddings.*', 'layers.self_dec.?.attn_norm.weight'];
    const { notes, trained } = await listen((host) =>
      trainGenerator(tokens('frozen', { init: known, ema: 0.9, freeze }), host),
    );
    expect(notes.some((note) => /^2 of \d+ parameters stay as they are$/.test(note))).to.equal(true);
    expect(settingsOf('frozen').freeze).to.deep.equal(freeze);
    const [before, after] = [known, trained.model!].map((folder) => valuesOf(openGenerator(folder).weights));
    const same = Object.keys(before!).filter((name) => String(after![name]) === String(before![name]));
    expect(same).to.have.members(['embeddings.weight', 'layers.self_dec.0.attn_norm.weight']);
    await trainGenerator({ resume: temporary('frozen'), steps: 7, freeze }, { target });
    expect(valuesOf(openGenerator(temporary('frozen/model')).weights)['embeddings.weight']).to.deep.equal(
      before!['embeddings.weight'],
    );
  });

  it('says when frozen parameters stay at random numbers', async () => {
    const { notes } = await listen((host) =>
      trainGenerator(tokens('random', { steps: 1, freeze: ['embeddings.*'] }), host),
    );
    expect(notes.join('\n')).to.include('stay as they are, at the numbers that they were drawn as');
  });

  it('continues a run that began before anything could be frozen', async () => {
    await trainGenerator(tokens('older'), { target });
    const { freeze, ...older } = settingsOf('older');
    expect(freeze).to.deep.equal([]);
    writeFileSync(temporary('older/run.json'), JSON.stringify(older));
    const frozen = trainGenerator({ resume: temporary('older'), freeze: ['embeddings.*'] }, { target });
    expect((await refusal(frozen)).message)
      .to.include('--freeze embeddings.*: the run')
      .and.include('none');
    expect((await trainGenerator({ resume: temporary('older'), steps: 7 }, { target })).step).to.equal(7);
  });

  it('takes --freeze several times, and refuses names that there are not', () => {
    const flags = [
      ...['train', '--data', temporary('data.jsonl'), '--tokenizer', tokenizer, '--seed', '1'],
      ...['--config', temporary('known/run.json'), '--out', temporary('flagged'), '--batch', '4'],
    ];
    writeFileSync(
      temporary('arpg.json'),
      JSON.stringify({ dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 }),
    );
    const train = (...more: readonly string[]) =>
      arpg([...flags.with(8, temporary('arpg.json')), '--steps', '1', '--target', 'onnx', ...more]);
    const wrong = train('--freeze', 'embeddings.*', '--freeze', 'layer.self_dec.*');
    expect([wrong.code, existsSync(temporary('flagged'))]).to.deep.equal([2, false]);
    expect(wrong.errors)
      .to.include('--freeze layer.self_dec.*: no parameter has such a name')
      .and.include("'layers.self_dec.*'");
    const all = train('--freeze', '*');
    expect([all.code, all.errors.includes('nothing is left to train')]).to.deep.equal([2, true]);
    expect(train('--freeze', 'embeddings.*', '--freeze', 'layers.self_dec.*').code).to.equal(0);
    expect(settingsOf('flagged').freeze).to.deep.equal(['embeddings.*', 'layers.self_dec.*']);
  });
});
