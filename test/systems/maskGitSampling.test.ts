import { expect } from 'chai';
import { InputError, UsageError } from '../../src/errors.js';
import { haltonOrder, rolled } from '../../src/sampling/maskedSteps/halton.js';
import type {
  PictureRequest,
  SamplingOptions,
  SettingValues,
  StepReport,
} from '../../src/sampling/request.js';
import type { StepOptions } from '../../src/sampling/sampler.js';
import { logitScaleAt } from '../../src/systems/maskGitSettings.js';
import { drawing } from '../../src/systems/maskGitSampling.js';
import { orderOf } from '../../src/systems/orders.js';
import { sampleBatch } from '../../src/systems/sampleBatch.js';
import { filledSettings } from '../../src/systems/settings.js';
import { maskedNetwork, type MaskedNetworkRunner, scrambledLogit } from '../support/maskedNetwork.js';
import { knownTokens } from '../support/codes.js';

const CODES = 12;
const MASK = CODES;
const CLASSES = 3;
const config = { codebook_size: CODES, nclass: CLASSES };
const grid = { height: 4, width: 4 };
const POSITIONS = 16;
const SAMPLERS = ['halton', 'confidence', 'v1', 'original'] as const;

type Options = Partial<SamplingOptions & StepOptions>;

const optionsOf = ({ own = {}, ...options }: Options = {}): SamplingOptions & StepOptions => ({
  ...drawing.defaults(config, grid, filledSettings(drawing.settings, own)),
  ...{ steps: 5, seed: 7, guidance: 0, temperature: 1, topK: 0, topP: 1 },
  own,
  ...options,
});

const picture = (
  index: number,
  options: Options = {},
  more: Partial<PictureRequest> = {},
): PictureRequest => {
  const { known, isRedrawn = false } = more;
  const order = orderOf(drawing, config, grid, optionsOf(options), {
    ...{ seed: optionsOf(options).seed, index, purpose: isRedrawn ? 'redrawnOrder' : 'order' },
  });
  return {
    condition: { kind: 'class', index: index % CLASSES },
    index,
    order: order.filter((position) => !known?.keep.has(position)),
    ...more,
  };
};

/** Draws pictures; what is reported after each step is copied. */
async function draw(
  pictures: readonly PictureRequest[],
  options: Options = {},
  network: MaskedNetworkRunner = maskedNetwork(CODES + 1),
): Promise<{ tokens: number[][]; reports: number[][][]; network: MaskedNetworkRunner }> {
  const reports: number[][][] = [];
  const onStep = ({ tokens }: StepReport) => void reports.push(tokens.map((own) => Array.from(own)));
  const tokens = await sampleBatch(
    network,
    { drawing: drawing as never, config, grid },
    pictures,
    optionsOf(options),
    onStep,
  );
  return { tokens: tokens.map((own) => Array.from(own)), reports, network };
}

const unknownIn = (tokens: readonly number[]) => tokens.filter((token) => token < 0).length;

/** Predicts one code everywhere. */
const always = (wanted: number, next = 0) =>
  maskedNetwork(CODES + 1, (_codes, _class, _position, code) =>
    code === wanted ? 60 : code === next ? 30 : 0,
  );

/** The codes fed in each step, for the first row. */
const fed = ({ calls }: MaskedNetworkRunner) => calls.map(({ codes }) => codes[0]!);

describe('MaskGIT sampling', () => {
  for (const sampler of SAMPLERS)
    it(`${sampler} makes as many tokens known as its plan says, in any number of steps`, async () => {
      for (const steps of [1, 2, 5, POSITIONS]) {
        const options = { steps, own: { sampler } };
        const { schedule } = optionsOf(options);
        const plan = drawing.plan(config, {
          ...{ grid, predicted: POSITIONS, known: 0, steps, schedule, rows: 2, isGuided: true },
          own: filledSettings(drawing.settings, options.own),
        });
        expect(plan.steps.map(({ runs }) => runs)).to.deep.equal(
          Array.from({ length: steps }, () => [{ graph: 'step', sizes: { batch: 2 } }]),
        );
        const { tokens, reports, network } = await draw([picture(0, options), picture(1, options)], options);
        let left = POSITIONS;
        for (const [step, { predicts }] of plan.steps.entries()) {
          left -= predicts;
          for (const own of reports[step]!) expect(unknownIn(own), `${steps} steps, ${step}`).to.equal(left);
        }
        expect(reports.at(-1)).to.deep.equal(tokens);
        for (const token of tokens.flat()) expect(token).to.be.within(0, CODES - 1);
        expect(network.calls).to.have.length(steps);
        expect(network.calls[0]!.codes[1]).to.deep.equal(Array<number>(POSITIONS).fill(MASK));
        expect(network.held()).to.equal(0);
      }
    });

  for (const sampler of SAMPLERS)
    it(`${sampler} draws a picture alike alone and in a batch, and anew under other numbers`, async () => {
      const options = { own: { sampler }, guidance: 2, steps: 6 };
      const { tokens } = await draw(
        Array.from({ length: 4 }, (_, index) => picture(index, options)),
        options,
      );
      for (const [index, own] of tokens.entries())
        expect((await draw([picture(index, options)], options)).tokens[0], `${index}`).to.deep.equal(own);
      const others = [
        (await draw([picture(0, { ...options, seed: 8 })], { ...options, seed: 8 })).tokens[0],
        (await draw([picture(0, options, { isRedrawn: true })], options)).tokens[0],
        (await draw([{ ...picture(3, options), condition: { kind: 'class', index: 1 } }], options)).tokens[0],
      ];
      expect(new Set([...tokens, ...others].map(String)).size).to.equal(7);
    });

  it('asks for pictures without their class only where it guides', async () => {
    const pictures = [picture(1), { ...picture(2), condition: { kind: 'none' } as const }];
    const { network: plain } = await draw(pictures);
    expect(plain.calls[0]!.classIds).to.deep.equal([1, CLASSES]);
    const { network: guided } = await draw(pictures, { guidance: 2 });
    expect(guided.calls[0]!.classIds).to.deep.equal([1, CLASSES, CLASSES, CLASSES]);
    expect(guided.calls[3]!.codes[0]).to.deep.equal(guided.calls[3]!.codes[2]);
  });

  it('guides by (1 + w) times the class, less w times none; linear guidance starts without', async () => {
    // The class says 2 or 3, all others 2; far enough beyond, 3 wins.
    const network = () =>
      maskedNetwork(CODES + 1, (_codes, classId, _position, code) => {
        if (code === 2) return 10;
        return code === 3 ? (classId === 1 ? 8 : 6) : -20;
      });
    const own = { sampler: 'confidence', choiceNoise: 'none' };
    const first = async (guidance: number, guidanceSchedule: 'constant' | 'linear') => {
      const options = { own, guidance, guidanceSchedule, topK: 1, steps: 4 };
      const { reports } = await draw([picture(1, options)], options, network());
      return reports.map(([tokens]) => tokens!.find((token) => token >= 0));
    };
    expect(await first(0, 'constant')).to.deep.equal([2, 2, 2, 2]);
    // 10 against 8 + 2w.
    expect(await first(0.9, 'constant')).to.deep.equal([2, 2, 2, 2]);
    expect(await first(1.1, 'constant')).to.deep.equal([3, 3, 3, 3]);
    // w is 0, 0.53, 1.07 and 1.6 in the four steps.
    expect(await first(1.6, 'linear')).to.deep.equal([2, 2, 3, 3]);
    const alone = { own, guidance: 1.1, guidanceSchedule: 'linear' as const, topK: 1, steps: 1 };
    expect((await draw([picture(1)], alone, network())).tokens[0]).to.deep.equal(
      Array<number>(POSITIONS).fill(3),
    );
  });

  it('draws known tokens again with each step, unless they are frozen', async () => {
    for (const sampler of ['halton', 'confidence'] as const)
      for (const freeze of [false, true]) {
        const options = { own: { sampler, freeze }, steps: 6 };
        const { network } = await draw([picture(0, options)], options);
        const codes = fed(network);
        const changed = codes
          .slice(1)
          .flatMap((after, step) =>
            after.filter(
              (code, position) => codes[step]![position] !== MASK && code !== codes[step]![position],
            ),
          );
        expect(changed.length > 0, `${sampler}, freeze ${freeze}`).to.equal(!freeze);
      }
    for (const sampler of ['v1', 'original'] as const) {
      const { reports } = await draw([picture(0, { own: { sampler } })], { own: { sampler }, steps: 6 });
      for (const [step, [tokens]] of reports.entries())
        for (const [position, token] of (reports[step - 1]?.[0] ?? []).entries())
          if (token >= 0) expect(tokens![position], sampler).to.equal(token);
    }
  });

  describe('with given tokens', () => {
    const given = [0, 3, 5, 6, 9, 12].map((position) => [position, (position * 5) % CODES] as const);
    const known = knownTokens(POSITIONS, given);

    for (const sampler of SAMPLERS)
      it(`${sampler} keeps them and counts the others`, async () => {
        const options = { own: { sampler }, steps: 3 };
        const { tokens, reports, network } = await draw([picture(2, options, { known })], options);
        for (const shown of [tokens[0]!, ...reports.map(([own]) => own!), ...fed(network)])
          for (const [position, code] of given) expect(shown[position]).to.equal(code);
        expect(unknownIn(reports[0]![0]!)).to.be.within(1, 9);
        expect(unknownIn(reports[2]![0]!)).to.equal(0);
      });

    for (const sampler of ['halton', 'confidence'] as const)
      it(`${sampler} draws over them when told so, with all tokens counted`, async () => {
        const own = { sampler, freeze: false };
        const options = { own, steps: 4 };
        const start = picture(2, options, { known });
        const { tokens, network } = await draw([start], options);
        expect(given.some(([position, code]) => tokens[0]![position] !== code)).to.equal(true);
        for (const [position, code] of given) expect(fed(network)[0]![position]).to.equal(code);
        const { schedule } = optionsOf(options);
        const asked = {
          grid,
          predicted: start.order.length,
          known: given.length,
          steps: 4,
          schedule,
          rows: 1,
          isGuided: false,
        };
        const plan = drawing.plan(config, { ...asked, own });
        expect(plan.steps.reduce((sum, { predicts }) => sum + predicts, 0)).to.equal(POSITIONS);
        expect(plan).to.deep.equal(
          drawing.plan(config, { ...asked, predicted: POSITIONS, known: 0, own: { sampler } }),
        );
      });

    it('visits them in their places of the own order, and last in another', async () => {
      const options = { own: { sampler: 'halton', freeze: false }, steps: POSITIONS, topK: 1 };
      /** The step in which each position is drawn. */
      const visits = async (start: PictureRequest) => {
        const network: MaskedNetworkRunner = maskedNetwork(99, (_codes, _class, _position, code) =>
          code === 40 ? 9 : 0,
        );
        const { reports } = await draw([start], options, network);
        return Array.from({ length: POSITIONS }, (_, position) =>
          reports.findIndex(([tokens]) => tokens![position] === CODES - 1),
        );
      };
      const ones = knownTokens(
        POSITIONS,
        given.map(([position]) => [position, 1]),
      );
      const own = picture(2, options, { known: ones });
      const whole = picture(2, options).order;
      expect(await visits(own)).to.deep.equal(
        Array.from({ length: POSITIONS }, (_, position) => whole.indexOf(position)),
      );
      const other = { ...own, order: [...own.order].sort((a, b) => a - b) };
      const seen = await visits(other);
      expect([...other.order, ...ones.keep].map((position) => seen[position])).to.deep.equal(
        Array.from({ length: POSITIONS }, (_, step) => step),
      );
    });
  });

  it('a drawn mask becomes the last code; the original never draws one', async () => {
    for (const sampler of SAMPLERS) {
      const { tokens, network } = await draw([picture(0)], { own: { sampler } }, always(MASK, 4));
      expect(tokens[0], sampler).to.deep.equal(
        Array<number>(POSITIONS).fill(sampler === 'original' ? 4 : CODES - 1),
      );
      const codes = fed(network).at(-1)!;
      expect(
        codes.every((code) => code === MASK),
        sampler,
      ).to.equal(sampler !== 'original');
    }
  });

  it('a network without a column for the mask will do', async () => {
    const { tokens } = await draw([picture(0)], { own: { sampler: 'original' } }, maskedNetwork(CODES));
    expect(tokens[0]).to.have.length(POSITIONS);
  });

  it('settings sharpen or flatten what is drawn from', async () => {
    const greedy = { own: { sampler: 'original', logitScaleStart: 1000, choiceNoise: 'none' } };
    const sharp = await draw([picture(0, greedy)], greedy);
    const top = { own: { sampler: 'original', choiceNoise: 'none' }, temperature: 0.001 };
    expect(sharp.tokens).to.deep.equal((await draw([picture(0, top)], top)).tokens);
    const usual = { own: { sampler: 'original', choiceNoise: 'none' } };
    expect(sharp.tokens).not.to.deep.equal((await draw([picture(0, usual)], usual)).tokens);
    const kept = { ...usual, topK: 1, steps: 1 };
    const [tokens] = (await draw([picture(0, kept)], kept)).tokens;
    for (const [position, token] of tokens!.entries()) {
      const logits = Array.from({ length: CODES }, (_, code) =>
        scrambledLogit(Array<number>(POSITIONS).fill(MASK), 0, position, code),
      );
      expect(token).to.equal(logits.indexOf(Math.max(...logits)));
    }
  });

  it('frees what it holds when it is aborted, a listener fails or the network does', async () => {
    const stop = new AbortController();
    const network = maskedNetwork(CODES + 1);
    const failing = (onStep: () => void, signal?: AbortSignal) =>
      sampleBatch(
        network,
        { drawing: drawing as never, config, grid },
        [picture(0)],
        optionsOf({ guidance: 1, ...(signal && { signal }) }),
        onStep,
      ).then(
        () => undefined,
        (error: unknown) => error,
      );
    const reason = new Error('enough');
    expect(await failing(() => stop.abort(reason), stop.signal)).to.equal(reason);
    expect(network.calls).to.have.length(1);
    expect(
      await failing(() => {
        throw reason;
      }),
    ).to.equal(reason);
    expect(network.held()).to.equal(0);
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const faulty = maskedNetwork(CODES + 1, () => broken);
      const error = await draw([picture(0)], {}, faulty).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(InputError);
      expect((error as Error).message).to.include('step 1 of 5: the logits are not finite');
      expect(faulty.held()).to.equal(0);
    }
    const error = await draw([picture(0)], { guidance: 1e308 }).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(UsageError);
  });
});

describe('MaskGIT settings', () => {
  const own = (given: SettingValues) => filledSettings(drawing.settings, given);

  it('have defaults that suit the sampler, within the tokens that there are', () => {
    const usual = (sampler: string, side = 16) =>
      drawing.defaults(config, { height: side, width: side }, own({ sampler }));
    expect(drawing.defaults(config, grid, own({}))).to.deep.equal(usual('halton', 4));
    expect(usual('halton')).to.deep.equal({
      ...{ steps: 32, schedule: 'arccos', guidance: 2, guidanceSchedule: 'constant' },
    });
    expect(usual('halton', 4).steps).to.equal(16);
    expect(usual('v1').steps).to.equal(8);
    expect(usual('confidence').guidanceSchedule).to.equal('linear');
    expect(usual('original')).to.include({ schedule: 'cosine', guidance: drawing.noGuidance });
  });

  it('that mean nothing together are refused in one sentence', () => {
    const fault = (given: SettingValues, more: { schedule?: string; order?: 'random' } = {}) => {
      const filled = own(given);
      const { steps, schedule } = drawing.defaults(config, grid, filled);
      return drawing.choiceFault!(config, grid, { steps, schedule, own: filled, order: undefined, ...more });
    };
    for (const sampler of SAMPLERS) expect(fault({ sampler })).to.equal(undefined);
    expect(fault({ freeze: true, logitScaleWarmup: 2 }, { order: 'random' })).to.equal(undefined);
    expect(fault({ roll: false, freeze: true, logitScaleWarmup: 2 })).to.equal(undefined);
    expect(fault({ sampler: 'v1', choiceTemperature: 7 }, { schedule: 'log' })).to.equal(undefined);
    expect(fault({ sampler: 'v1', choiceTemperature: 7, choiceNoise: 'linear' })).to.equal(undefined);
    for (const [refused, ...words] of [
      [fault({ choiceTemperature: 4.5 }), 'choice-temperature', 'halton', 'confidence or v1 or original'],
      [fault({ choiceNoise: 'none' }), 'choice-noise', 'halton'],
      [fault({ sampler: 'confidence', roll: true }), 'roll', 'use the sampler halton'],
      [fault({ sampler: 'original', freeze: false }), 'freeze', 'original', 'halton or confidence'],
      [fault({}, { schedule: 'cosine' }), 'schedule cosine', 'halton', 'arccos'],
      [fault({ sampler: 'v1' }, { order: 'random' }), 'leave the order out'],
      [fault({ roll: false }, { order: 'random' }), 'roll', 'order is given'],
      [fault({ sampler: 'v1', choiceTemperature: 3, choiceNoise: 'none' }), 'choice-noise none'],
    ] as const)
      for (const word of words) expect(refused).to.include(word);
    expect(fault({ choiceNoise: 'none' })).to.equal(
      'choice-noise means nothing to the sampler halton; leave it out, or use the sampler confidence or v1 or original',
    );
  });

  it('move what multiplies the logits evenly from start to end', () => {
    const scale = { start: 1, end: 2, power: 2, warmup: 1 };
    expect([0, 1, 2].map((step) => logitScaleAt(scale, step, 3))).to.deep.equal([0.5, 2.25, 4]);
    expect(logitScaleAt({ ...scale, warmup: 0 }, 0, 1)).to.equal(1);
    // However far apart the ends are, the last step has the one that was asked for.
    expect(logitScaleAt({ start: 1e300, end: 1.2, power: 1, warmup: 0 }, 2, 3)).to.equal(1.2);
  });

  it('roll the Halton order by picture', () => {
    const order = haltonOrder(grid);
    const ordered = (index: number, given: SettingValues = {}, purpose: 'order' | 'redrawnOrder' = 'order') =>
      orderOf(drawing, config, grid, { own: given }, { seed: 3, index, purpose });
    for (let index = 0; index < 20; index++) {
      expect(ordered(index, { roll: false })).to.deep.equal(order);
      expect(ordered(index)).to.deep.equal(rolled(order, ordered(index).indexOf(order[0]!)));
    }
    const starts = (purpose: 'order' | 'redrawnOrder') =>
      Array.from({ length: 20 }, (_, index) => ordered(index, {}, purpose)[0]);
    expect(new Set(starts('order')).size).to.be.greaterThan(8);
    expect(starts('order')).not.to.deep.equal(starts('redrawnOrder'));
  });
});
