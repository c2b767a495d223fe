import { expect } from 'chai';
import {
  drawSeed,
  inpaint,
  InputError,
  largerNote,
  load,
  type Model,
  outpaintCanvas,
  pull,
  type RgbImage,
  sample,
  type SampleOptions,
  sampleTokens,
  type SettingValues,
  UsageError,
  variationMask,
  writeModelFolder,
} from '../../src/index.js';
import { writeEditableModel } from '../support/editableModel.js';
import { temporaryFolder } from '../support/temporary.js';
import { indexCodes } from '../support/codes.js';

/** The failure of what should fail. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const failure = await promise.then(
    () => undefined,
    (error: Error) => error,
  );
  expect(failure).to.be.instanceOf(Error);
  return failure!;
}

function noise(width: number, height: number): RgbImage {
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 89) % 251),
  };
}

describe('library', () => {
  const temporary = temporaryFolder();
  let model: Model;
  before(async () => {
    await writeEditableModel(temporary('model'));
    model = await load(temporary('model'), { target: 'onnx', threads: 2 });
  });
  after(() => model.dispose());

  it("is what the package's name imports", async () => {
    const named = (await import('arpg' as string)) as typeof import('../../src/index.js');
    const own = await import('../../src/index.js');
    expect(Object.keys(named)).to.have.members(Object.keys(own));
    // It is bundled: other modules, which draw the same.
    const loaded = await named.load(model.folder, { target: 'onnx' });
    const options = { classes: [3], seed: 5 };
    const { pictures } = await named.sample(loaded, options);
    expect(pictures).to.deep.equal((await sample(model, options)).pictures);
    await loaded.dispose();
  });

  it('draws pictures of classes: the same for a seed, whatever they are drawn together with', async () => {
    const together = await sample(model, { classes: [3, 7, null], seed: 5, batch: 3 });
    const alone = await sample(model, { classes: [3, 7, null], seed: 5, batch: 1 });
    expect([together.seed, together.steps, together.pictures.length]).to.deep.equal([5, 16, 3]);
    for (const [index, { image, codes, classId }] of together.pictures.entries()) {
      expect([image.width, image.height, codes.tokens.length]).to.deep.equal([8, 8, 16]);
      expect(classId).to.equal([3, 7, null][index]);
      expect(alone.pictures[index]!.codes).to.deep.equal(codes);
      expect(alone.pictures[index]!.image).to.deep.equal(image);
    }
    const other = await sample(model, { classes: [3], seed: 6 });
    expect(other.pictures[0]!.codes).to.not.deep.equal(together.pictures[0]!.codes);
  });

  it("takes the model's own guidance unless told otherwise", async () => {
    const { generator, tokenizerModel } = model;
    const guided = { ...generator, sampling: { guidance: 9 } };
    await writeModelFolder(temporary('guided'), { generator: guided, tokenizer: tokenizerModel });
    const other = await load(temporary('guided'), { target: model.target });
    const tokensOf = async (own: Model, guidance?: number) => {
      const { pictures } = await sampleTokens(own, { classes: [3], seed: 1, ...(guidance && { guidance }) });
      return pictures[0]!.codes;
    };
    expect(await tokensOf(other)).to.deep.equal(await tokensOf(model, 9));
    expect(await tokensOf(model)).to.deep.equal(await tokensOf(other, 4));
    expect(await tokensOf(other)).to.not.deep.equal(await tokensOf(model));
    await other.dispose();
  });

  it("draws one of a group's classes for each picture, the same for a seed", async () => {
    const { generator, tokenizerModel } = model;
    const labels = Array.from({ length: 10 }, (_, index) => `${index < 4 ? 'left' : 'right'}/${index}`);
    await writeModelFolder(temporary('grouped'), {
      generator: { ...generator, labels },
      tokenizer: tokenizerModel,
    });
    const grouped = await load(temporary('grouped'), { target: model.target });
    const drawn = async (seed: number) => {
      const classes = ['right/7', ...new Array<string>(40).fill('left')];
      const { pictures } = await sampleTokens(grouped, { classes, seed, steps: 1 });
      return pictures;
    };
    const [one, ...others] = await drawn(1);
    expect(one!.classId).to.equal(7);
    const classIds = others.map(({ classId }) => classId);
    expect([...new Set(classIds)].sort()).to.deep.equal([0, 1, 2, 3]);
    expect((await drawn(1)).slice(1).map(({ classId }) => classId)).to.deep.equal(classIds);
    expect((await drawn(2)).slice(1).map(({ classId }) => classId)).to.not.deep.equal(classIds);
    const named = await sampleTokens(grouped, { classes: ['right/7', classIds[0]!], seed: 1, steps: 1 });
    expect(named.pictures[1]!.codes).to.deep.equal(others[0]!.codes);

    const image = noise(8, 8);
    const mask = new Uint8Array(64).fill(255, 32);
    const inpainted = async (wanted: string) =>
      (await inpaint(grouped, { image, mask }, { class: wanted, seed: 3 })).image;
    const members = await Promise.all(labels.slice(0, 4).map(inpainted));
    expect(members).to.deep.include(await inpainted('left'));
    await grouped.dispose();
  });

  it('draws the same after its generators were released', async () => {
    const model = await load(temporary('model'), { target: 'onnx' });
    const options = { classes: [1, 2, 3], seed: 1, steps: 2, batch: 2 };
    const kept = await sample(model, options);
    let calls = 0;
    const onSampled = () => {
      calls++;
      return model.releaseSamplers();
    };
    const released = await sample(model, { ...options, onSampled });
    expect(calls).to.equal(1);
    expect(released).to.deep.equal(kept);
    expect(await sample(model, options)).to.deep.equal(kept);
    await model.dispose();
  });

  it('tells of its progress and draws any number of whole tokens', async () => {
    const seen: [number, number][] = [];
    const steps: number[] = [];
    const { grid, pictures } = await sampleTokens(model, {
      classes: [1],
      size: { width: 12, height: 4 },
      rope: 'interpolate',
      steps: 4,
      onProgress: (done, total) => seen.push([done, total]),
      onStep: (_, step, codes) => steps.push(step, codes.tokens.filter((token) => token >= 0).length),
    });
    expect([grid, pictures[0]!.codes.tokens.length]).to.deep.equal([{ height: 2, width: 6 }, 12]);
    expect(seen.at(-1)).to.deep.equal([4, 4]);
    const shares: number[] = [];
    await sampleTokens(model, {
      ...{ classes: [1, 2, 3], batch: 2, steps: 4 },
      onProgress: (_done, _total, share) => shares.push(share),
    });
    expect(shares).to.deep.equal([...shares].sort((a, b) => a - b));
    expect(shares[0]).to.be.within(0.001, 0.2);
    expect(shares.at(-1)).to.equal(1);
    expect(largerNote({ height: 4, width: 8 }, { height: 4, width: 4 }, 8)).to.equal(
      'the model was trained on 32×32 pixels: at 64×32 quality falls',
    );
    expect(largerNote({ height: 2, width: 4 }, { height: 4, width: 4 }, 8)).to.equal(undefined);
    expect(steps.at(-1)).to.equal(12);
  });

  it('settings out of range and unknown classes are refused', async () => {
    const refused = [
      { classes: ['zebra'] },
      { classes: [10] },
      { classes: [1], steps: 17 },
      { classes: [1], steps: 0 },
      { classes: [1], guidance: -1 },
      { classes: [1], temperature: Number.NaN },
      { classes: [1], topP: 1.5 },
      { classes: [1], topK: 0.5 },
      { classes: [1], seed: -1 },
      { classes: [1], order: [0, 0] },
      { classes: [1], own: { guidanceInterval: 3 } },
      { classes: [1], own: 3 as unknown as SettingValues },
      { classes: [1], own: ['sampler'] as unknown as SettingValues },
      { classes: [1], size: { width: 7, height: 8 } },
      { classes: [1], size: { width: 2 ** 20, height: 2 ** 20 } },
    ];
    for (const options of refused)
      expect(await failureOf(sample(model, options)), JSON.stringify(options)).to.be.instanceOf(UsageError);
    const missing = await load(temporary('nowhere'), { target: 'reference' });
    expect(await failureOf(sample(missing, { classes: [1] }))).to.be.instanceOf(InputError);
    expect(await failureOf(load('digits', { target: 'abacus' }))).to.be.instanceOf(UsageError);
  });

  it('draws the masked part of a picture anew', async () => {
    const image = noise(13, 9);
    const mask = new Uint8Array(13 * 9);
    for (let row = 2; row < 5; row++) mask.fill(255, row * 13 + 4, row * 13 + 9);
    const { image: result, windows, seed } = await inpaint(model, { image, mask }, { class: 3, seed: 2 });
    expect([result.width, result.height, seed]).to.deep.equal([13, 9, 2]);
    expect(windows).to.have.length(1);
    let changed = 0;
    for (const [pixel, value] of mask.entries())
      for (const channel of [0, 1, 2]) {
        const place = pixel * 3 + channel;
        if (value === 0) expect(result.data[place]).to.equal(image.data[place]);
        else changed += Number(result.data[place] !== image.data[place]);
      }
    expect(changed).to.be.above(0);
    const again = await inpaint(model, { image, mask }, { class: 3, seed: 2 });
    expect(again.image).to.deep.equal(result);
    // Another number under the same seed gets other random numbers.
    const next = await inpaint(model, { image, mask }, { class: 3, seed: 2, picture: 1 });
    expect(next.image).to.not.deep.equal(result);
    expect(await failureOf(inpaint(model, { image, mask: mask.subarray(1) }))).to.be.instanceOf(UsageError);
  });

  it('extends a picture, and varies a share of it', async () => {
    const image = noise(8, 8);
    const canvas = outpaintCanvas(image, { left: 4, top: 0, right: 0, bottom: 0 });
    const { image: wide } = await inpaint(model, canvas, { seed: 1 });
    expect([wide.width, wide.height]).to.deep.equal([12, 8]);
    for (let row = 0; row < 8; row++)
      expect(wide.data.subarray((row * 12 + 4) * 3, (row + 1) * 12 * 3)).to.deep.equal(
        image.data.subarray(row * 24, (row + 1) * 24),
      );
    expect(() => outpaintCanvas(image, { left: 1e6, top: 1e6, right: 0, bottom: 0 })).to.throw(UsageError);
    const masked = (keep: number) => variationMask(image, keep, 2, 1, 0).filter((value) => value > 0).length;
    expect([masked(1), masked(0)]).to.deep.equal([0, 64]);
    expect(masked(0.5)).to.be.within(4, 60);
    expect(masked(0.5) % 4).to.equal(0);
  });

  it('drawn seeds differ', () => {
    expect(new Set(Array.from({ length: 20 }, drawSeed)).size).to.be.above(15);
  });
});

describe('the library refuses', () => {
  const temporary = temporaryFolder();
  before(() => writeEditableModel(temporary('model')));
  const sides = { left: 0, top: 0, right: 0, bottom: 0 };
  const picture = (width: number, height: number, values: number) => ({
    width,
    height,
    data: new Uint8Array(values),
  });

  it('pictures that are not of the size that they claim, before anything is computed', async () => {
    const model = await load(temporary('model'), { target: 'onnx' });
    for (const image of [
      picture(8, 8, 8 * 8 * 3 - 1),
      picture(8, 8, 8 * 8 * 4),
      picture(0, 16, 0),
      picture(1.5, 2, 9),
      picture(-4, -4, 48),
      picture(Number.NaN, 4, 48),
    ]) {
      expect(await failureOf(model.tokenizer.encode(image))).to.be.instanceOf(UsageError);
      const canvas = { image, mask: new Uint8Array(64).fill(255) };
      expect(await failureOf(inpaint(model, canvas, { seed: 1 }))).to.be.instanceOf(UsageError);
    }
    const square = { height: 4, width: 4 };
    for (const tokens of [[1, 2, 3], new Array<number>(16).fill(-1), new Array<number>(16).fill(1e6)])
      expect(await failureOf(model.tokenizer.decode(indexCodes(tokens, square)))).to.be.instanceOf(
        UsageError,
      );
    await model.dispose();
  });

  it('options that are none, as callers of JavaScript may pass them, by their name', async () => {
    const model = await load(temporary('model'), { target: 'onnx' });
    const image = picture(8, 8, 192);
    const canvas = { image, mask: new Uint8Array(64).fill(255) };
    type Options = Readonly<Record<string, unknown>>;
    const drawn = (options: Options) =>
      sampleTokens(model, { classes: [1], seed: 1, ...options } as unknown as SampleOptions);
    const painted = (options: Options) => inpaint(model, canvas, { class: 1, seed: 1, ...options });
    const varied = async (keep: unknown, pixels: unknown, seed: unknown) =>
      variationMask(image, keep as number, pixels as number, seed as number, 0);
    const pulled = (options: Options) => pull('owner/name', { offline: true, ...options });
    const wrongNumbers = [Number.NaN, -1, 1.5, '2', Number.POSITIVE_INFINITY, null, {}];
    const cases: (readonly [string, () => Promise<unknown>])[] = [
      ...wrongNumbers.flatMap((wrong) => [
        ...(['batch', 'seed', 'steps', 'topK'] as const).map(
          (name) => [name === 'topK' ? 'top-k' : name, () => drawn({ [name]: wrong })] as const,
        ),
        ['width', () => drawn({ size: { width: wrong, height: 8 } })] as const,
        ['height', () => drawn({ size: { width: 8, height: wrong } })] as const,
        ['feather', () => painted({ feather: wrong })] as const,
        ['picture', () => painted({ picture: wrong })] as const,
        ['seed', () => painted({ seed: wrong })] as const,
        ['keep', () => varied(wrong === null ? undefined : wrong, 2, 1)] as const,
        ['tokenPixels', () => varied(0.5, wrong, 1)] as const,
        ['seed', () => varied(0.5, 2, wrong)] as const,
        ['threads', () => load('tiny', { target: 'onnx', threads: wrong as number })] as const,
        ['attempts', () => pulled({ attempts: wrong })] as const,
        ['left', async () => outpaintCanvas(image, { ...sides, left: wrong as number })] as const,
      ]),
      ...[Number.NaN, -1, '2', Number.POSITIVE_INFINITY].flatMap((wrong) => [
        ['guidance', () => drawn({ guidance: wrong })] as const,
        ['temperature', () => drawn({ temperature: wrong })] as const,
        ['top-p', () => painted({ topP: wrong })] as const,
        ['timeoutSeconds', () => pulled({ timeoutSeconds: wrong })] as const,
        ['backoffSeconds', () => pulled({ backoffSeconds: wrong })] as const,
      ]),
      ...[[], 'x', 3, null, undefined].map((wrong) => ['classes', () => drawn({ classes: wrong })] as const),
      ...[Number.NaN, 1.5, 10, undefined, true].map(
        (wrong) => [`class ${wrong} does not exist`, () => drawn({ classes: [wrong] })] as const,
      ),
      ...['none', 3, null].flatMap((wrong) => [
        ['schedule', () => drawn({ schedule: wrong })] as const,
        ['guidance schedule', () => drawn({ guidanceSchedule: wrong })] as const,
        ['rope', () => drawn({ rope: wrong })] as const,
        ['order', () => drawn({ order: wrong })] as const,
        ['size', () => drawn({ size: wrong })] as const,
        ['signal', () => drawn({ signal: wrong })] as const,
        ['files', () => pulled({ files: wrong })] as const,
      ]),
      ['skip', () => drawn({ skip: [1] })],
      ['output', () => pulled({ output: 3 })],
      ['source', () => pull(undefined as unknown as string)],
      ['target', () => load('tiny', { target: 3 as unknown as string })],
      ['target', () => load('tiny', { target: null as unknown as string })],
      ['model', () => load(3 as unknown as string)],
      ['picture', () => inpaint(model, { ...canvas, image: undefined as never })],
      ['picture', () => inpaint(model, { ...canvas, image: { ...image, data: [...image.data] as never } })],
      ['mask', () => inpaint(model, { ...canvas, mask: [...canvas.mask] as never })],
    ];
    for (const [index, [name, run]] of cases.entries()) {
      const [result] = await Promise.allSettled([run()]);
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      expect(reason, `case ${index}, ${name}`).to.be.instanceOf(UsageError);
      expect((reason as Error).message, `case ${index}`).to.include(name);
    }
    await model.dispose();
  });

  it('a model that was disposed of, which can be done twice', async () => {
    const model = await load(temporary('model'), { target: 'onnx' });
    await sampleTokens(model, { classes: [1], seed: 1, steps: 2 });
    const { tokenizer } = model;
    await model.dispose();
    await model.dispose();
    for (const use of [
      () => sampleTokens(model, { classes: [1], seed: 1, steps: 2 }),
      () => tokenizer.encode(picture(8, 8, 192)),
    ]) {
      const failure = await failureOf(use());
      expect(failure).to.be.instanceOf(UsageError);
      expect((failure as Error).message).to.include('was disposed of');
    }
  });

  it('to go on when it is told to stop, and keeps nothing', async () => {
    const model = await load(temporary('model'), { target: 'onnx' });
    const controller = new AbortController();
    const drawn: number[] = [];
    const failure = await failureOf(
      sampleTokens(model, {
        classes: [1, 2, 3, 4],
        seed: 1,
        batch: 1,
        signal: controller.signal,
        onPicture: (index) => {
          drawn.push(index);
          if (index === 1) controller.abort(new Error('enough'));
        },
      }),
    );
    expect((failure as Error).message).to.equal('enough');
    expect(drawn).to.deep.equal([0, 1]);
    const skipped = await sampleTokens(model, { classes: [1, 2, 3, 4], seed: 1, skip: new Set([0, 2]) });
    const whole = await sampleTokens(model, { classes: [1, 2, 3, 4], seed: 1 });
    expect(skipped.pictures).to.deep.equal([whole.pictures[1], whole.pictures[3]]);
    await model.dispose();
  });
});
