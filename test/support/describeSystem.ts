import { createRequire } from 'node:module';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Peers } from '../../src/cluster/peers.js';
import { UsageError } from '../../src/errors.js';
import { isQuantizedPrecision, quantizeWeights } from '../../src/compiler/quantizeWeights.js';
import { classCondition, NO_CONDITION } from '../../src/conditions/condition.js';
import { bindShape, type DimBindings } from '../../src/graph/dimension.js';
import { parametersOf } from '../../src/graph/graph.js';
import { readFloats } from '../../src/graph/weights.js';
import {
  exportGpujs,
  inpaint,
  type InpaintResult,
  load,
  sampleTokens,
  writeModelFolder,
} from '../../src/index.js';
import { parameterGraphs } from '../../src/models/tokenizerParameters.js';
import { precisionOf, RUN_PRECISIONS } from '../../src/models/precision.js';
import type { GraphRun } from '../../src/sampling/plan.js';
import type { KnownCodes, PictureRequest, SamplingOptions } from '../../src/sampling/request.js';
import { createGraphRunner, type GraphRunner } from '../../src/sampling/runner.js';
import type { StepOptions } from '../../src/sampling/sampler.js';
import { orderOf } from '../../src/systems/orders.js';
import { SYSTEMS } from '../../src/systems/registry.js';
import { sampleBatch } from '../../src/systems/sampleBatch.js';
import { createSampler } from '../../src/systems/sampler.js';
import { filledSettings } from '../../src/systems/settings.js';
import type { System } from '../../src/systems/system.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { generatorTraining } from '../../src/training/generatorRun.js';
import { createRun, readCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { train } from '../../src/training/trainingLoop.js';
import { ADAMW_DEFAULTS } from '../../src/training/trainingStep.js';
import { expectClose } from './conformance.js';
import { atRanks } from './localRanks.js';
import { floatTensor } from '../../src/targets/target.js';
import { countingTarget, goldenGenerator, tokenizerFor } from './systems.js';
import { temporaryFolder } from './temporary.js';
import {
  type Codes,
  codesFault,
  codesLength,
  codesOf,
  type CodesShape,
  countKnown,
  formOf,
  tokenCount,
  type TokenGrid,
  type Tokens,
  vocabularyOf,
} from '../../src/codes.js';
import { tokenRoom } from '../../src/data/tokenData.js';

const target = onnxTarget({ threads: 1 });

/** The numbers of each position of the finest grid, which come last where there are several grids. */
function finest(codes: Codes): readonly (readonly number[])[] {
  const { tokens, grid } = codes;
  const positions = grid.height * grid.width;
  const width = codes.kind === 'vectors' ? codes.channels : 1;
  const last = tokens.subarray(tokens.length - positions * width);
  return Array.from({ length: positions }, (_, position) =>
    Array.from(last.subarray(position * width, (position + 1) * width)),
  );
}

/** Expects the same codes: of vectors, the same but for the rounding of another number of rows or another target. */
function expectSame({ kind }: CodesShape, actual: Tokens, expected: Tokens, what: string): void {
  if (kind !== 'vectors') {
    expect(Array.from(actual), what).to.deep.equal(Array.from(expected));
    return;
  }
  const tensor = (data: Tokens) => floatTensor([data.length], data);
  expectClose(tensor(actual), tensor(expected), 1e-4, what);
}

/** Numbers of the finest grid that are given at some positions; vectors have others beside the first. */
function given(
  shape: CodesShape,
  grid: TokenGrid,
  places: readonly (readonly [position: number, token: number])[],
): KnownCodes {
  const length = codesLength(shape, grid);
  const positions = grid.height * grid.width;
  const keep = new Set(places.map(([position]) => position));
  if (shape.kind !== 'vectors') {
    const tokens = new Int32Array(length);
    for (const [position, token] of places) tokens[length - positions + position] = token;
    return { tokens, keep };
  }
  const tokens = new Float32Array(length);
  for (const [position, token] of places)
    for (let channel = 0; channel < shape.channels; channel++)
      tokens[position * shape.channels + channel] = token / 10 - channel;
  return { tokens, keep };
}

/** Parts of what is checked: what takes a moment, and what trains a network or exports it. */
export type ConformancePart = 'moments' | 'trainings';

/** Describes what every entry of the registry must do. */
export function describeSystem(system: System, parts: readonly ConformancePart[]): void {
  describe(`the system ${system.title}: ${parts.join(', ')}`, () => {
    const temporary = temporaryFolder();
    const generator = goldenGenerator(system);
    const { config } = generator;
    const { grid, classes, codes } = system.config.facts(config);
    const vocabulary = vocabularyOf(codes);
    const positions = grid.height * grid.width;
    /** Those of all scales where there are several. */
    const tokensOfPicture = tokenCount(codes, grid);
    const settings = filledSettings(system.settings);
    const own = system.defaults(config, grid, settings);
    const steps = system.choices.steps ? 5 : own.steps;
    const options: SamplingOptions & StepOptions = {
      ...{ seed: 7, guidance: 3, guidanceSchedule: own.guidanceSchedule, temperature: 1, topK: 0, topP: 1 },
      ...{ steps, schedule: own.schedule },
    };
    const picture = (index: number): PictureRequest => ({
      condition: index === 2 ? NO_CONDITION : classCondition(index % classes),
      index,
      order: orderOf(system, config, grid, {}, { seed: options.seed, index }),
    });
    const pictures = [0, 1, 2, 3].map(picture);

    if (parts.includes('moments')) {
      it('has presets, small configurations and defaults that it takes itself', () => {
        const configs = Object.values(system.config.presets).map((preset) => preset.config);
        for (const each of [...configs, config]) {
          expect(system.config.fault(each)).to.equal(undefined);
          const facts = system.config.facts(each);
          const chosen = system.defaults(each, facts.grid, settings);
          if (system.choices.schedules.length > 0)
            expect(system.choices.schedules).to.include(chosen.schedule);
          else expect(chosen.schedule).to.equal('');
        }
        expect(configs.length).to.be.greaterThan(0);
        expect(Object.keys(system.config.trainable).length).to.be.greaterThan(0);
      });

      it('knows its own checkpoints, and no other system takes them for its own', () => {
        const names = new Set(generator.weights.keys());
        const owners = SYSTEMS.filter((other) => other.checkpoint.recognise(names));
        expect(owners.map(({ name }) => name)).to.deep.equal([system.name]);
      });

      it('has the same parameters in sampling and in training', () => {
        const namesOf = (graph: ReturnType<System['training']>['graph']) =>
          parametersOf(graph)
            .map(({ name, outputs }) => `${name} ${outputs[0]!.shape.join()}`)
            .sort();
        const all = [...new Set(parameterGraphs(system, config).flatMap(namesOf))].sort();
        const isOwn = (name: string) => !system.checkpoint.ofTokenizer?.test(name);
        for (const options of [{}, { dropout: 0.1 }]) {
          const trained = namesOf(system.training(config, options).graph);
          expect(trained.filter(isOwn)).to.deep.equal(all.filter(isOwn));
          expect(all).to.include.members(trained);
        }
        for (const make of Object.values(system.graphs(config)))
          for (const parameter of namesOf(make())) expect(all).to.include(parameter);
      });

      it('has a row for each class where it says so', () => {
        const { parameter, first } = system.checkpoint.classRows(config);
        expect(generator.weights.get(parameter)!.shape[0]).to.be.at.least(first + classes);
      });

      for (const precision of RUN_PRECISIONS)
        it(`${precision}: draws a picture alone as in a batch, and each depends on its number`, async () => {
          const graphs = Object.values(system.graphs(config)).map((make) => make());
          const weights = isQuantizedPrecision(precision)
            ? quantizeWeights(graphs, generator.weights, precision)
            : generator.weights;
          expect(precisionOf(weights)).to.equal(precision);
          const sampler = createSampler({ ...generator, weights }, target);
          const together = await sampler.sample(pictures, options);
          for (const [index, drawn] of together.entries()) {
            const [alone] = await sampler.sample([pictures[index]!], options);
            expectSame(codes, alone!.tokens, drawn.tokens, `picture ${index}`);
          }
          expect(new Set(together.map(({ tokens }) => tokens.join())).size).to.equal(pictures.length);
          await sampler.dispose();
        });

      it('predicts each position once, and tells its plan beforehand', async () => {
        const runner = createGraphRunner(system.graphs(config), generator.weights, target);
        const runs: GraphRun[] = [];
        const made = system.graphs(config);
        const recording: GraphRunner = {
          caches: (name) => runner.caches(name),
          run(name, inputs, outputs) {
            const bound = made[name]!().inputs.reduce<DimBindings>(
              (known, tensor) =>
                bindShape(tensor.shape, inputs[(tensor.node as { name: string }).name]!.shape, known),
              {},
            );
            runs.push({ graph: name, sizes: bound });
            return runner.run(name, inputs, outputs);
          },
        };
        for (const guidance of [system.noGuidance, 3]) {
          runs.length = 0;
          const unknown: number[] = [];
          await sampleBatch(
            recording,
            { drawing: system, config, grid },
            pictures,
            { ...options, guidance },
            (report) => {
              for (const tokens of report.tokens)
                expect(
                  tokens.every((token) =>
                    codes.kind === 'vectors' ? !(Math.abs(token) > 1e6) : token >= -1 && token < vocabulary,
                  ),
                ).to.equal(true);
              unknown.push(tokensOfPicture - countKnown(codesOf(codes, grid, report.tokens[0]!)));
            },
          );
          const plan = system.plan(config, {
            ...{ grid, predicted: positions, known: 0, steps, schedule: options.schedule, own: settings },
            rows: pictures.length * (guidance === system.noGuidance ? 1 : 2),
            isGuided: guidance !== system.noGuidance,
          });
          const planned = plan.steps.flatMap((step) =>
            step.runs.map(({ graph, sizes }) => ({ graph, sizes })),
          );
          expect(runs).to.deep.equal(planned);
          const counts = plan.steps.map(({ predicts }) => predicts);
          expect(Math.min(...counts)).to.be.at.least(1);
          expect(counts.reduce((sum, count) => sum + count)).to.equal(tokensOfPicture);
          let left = tokensOfPicture;
          expect(unknown).to.deep.equal(counts.map((count) => (left -= count)));
        }
        await runner.dispose();
      });

      it('refuses steps and schedules that it does not have', () => {
        const request = {
          ...{ grid, predicted: positions, known: 0, schedule: options.schedule, own: settings },
          ...{ rows: 1, isGuided: false },
        };
        for (const wrong of [0, 2.5, -1, positions + 1, Number.NaN])
          expect(() => system.plan(config, { ...request, steps: wrong }), String(wrong)).to.throw(RangeError);
        if (system.choices.schedules.length > 0)
          expect(() => system.plan(config, { ...request, steps, schedule: 'x' })).to.throw(RangeError, "'x'");
        if (!system.choices.steps)
          expect(() => system.plan(config, { ...request, steps: positions - 1 })).to.throw(RangeError);
      });

      it('what it cannot do is refused before anything is run', async () => {
        const counting = countingTarget(target);
        const sampler = createSampler(generator, counting);
        const backwards = [...pictures[0]!.order].reverse();
        const attempts = {
          order: { ...pictures[0]!, order: backwards },
          known: {
            ...pictures[0]!,
            order: pictures[0]!.order.slice(1),
            known: given(codes, grid, [[pictures[0]!.order[0]!, 1]]),
          },
        } as const;
        for (const [ability, request] of Object.entries(attempts)) {
          const able = system.can[ability as keyof typeof attempts];
          const outcome = await sampler
            .sample([request], {
              ...options,
              ...(system.choices.steps ? {} : { steps: request.order.length }),
            })
            .catch((error: Error) => error);
          expect(outcome instanceof UsageError, ability).to.equal(!able);
        }
        await sampler.dispose();
        const wide = { height: grid.height, width: 2 * grid.width };
        if (system.can.grids) await createSampler(generator, target, wide).dispose();
        else expect(() => createSampler(generator, target, wide)).to.throw(UsageError);
        const refused = await sampler.sample(pictures, options).catch((error: Error) => error);
        expect((refused as Error).message).to.include('disposed of');
      });

      it('keeps given tokens, or says that it cannot', async () => {
        await writeModelFolder(temporary('known'), {
          generator: { ...generator, labels: [] },
          tokenizer: tokenizerFor(generator),
        });
        const model = await load(temporary('known'), { target });
        const side = grid.width * model.tokenizer.factor;
        const image = { width: side, height: side, data: new Uint8Array(side * side * 3).fill(90) };
        const mask = new Uint8Array(side * side).fill(255, 0, (side * side) / 2);
        const redrawn = await inpaint(model, { image, mask }, { class: 1, seed: 3 }).catch(
          (error: Error) => error,
        );
        await model.dispose();
        if (!system.can.known) {
          expect((redrawn as Error).message).to.match(/^\w+ draws whole pictures only.* use ARPG or RandAR/);
          return;
        }
        const { windows } = redrawn as InpaintResult;
        const [{ before, after, drawn }] = windows as [InpaintResult['windows'][number]];
        for (const [position, token] of finest(before).entries())
          if (!drawn.includes(position)) expect(finest(after)[position]).to.deep.equal(token);
        const known = given(codes, grid, [
          [3, 1],
          [9, 30],
          [0, 7],
        ]);
        const order = pictures[0]!.order.filter((position) => !known.keep.has(position));
        const sampler = createSampler(generator, target);
        const [sampled] = (await sampler.sample([{ ...pictures[0]!, order, known }], options)) as [Codes];
        const wanted = finest(codesOf(codes, grid, known.tokens));
        for (const position of known.keep) expect(finest(sampled)[position]).to.deep.equal(wanted[position]);
        expect(codesFault(codes, sampled)).to.equal(undefined);
        expect(countKnown(sampled)).to.equal(tokensOfPicture);
        await sampler.dispose();
      });

      it('frees what it holds at the end, when it is stopped and when a listener fails', async () => {
        const counting = countingTarget(target);
        const sampler = createSampler(generator, counting);
        await sampler.sample(pictures, options);
        expect(counting.alive()).to.equal(0);
        const controller = new AbortController();
        const stopped = await sampler
          .sample(pictures, { ...options, signal: controller.signal }, ({ step }) => {
            if (step === 1) controller.abort(new Error('enough'));
          })
          .catch((error: Error) => error.message);
        expect(stopped).to.equal('enough');
        expect(counting.alive()).to.equal(0);
        const failed = await sampler
          .sample(pictures, options, () => {
            throw new Error('listener');
          })
          .catch((error: Error) => error.message);
        expect(failed).to.equal('listener');
        expect(counting.alive()).to.equal(0);
        const early = await sampler
          .sample(pictures, { ...options, signal: AbortSignal.abort(new Error('before')) })
          .catch((error: Error) => error.message);
        expect(early).to.equal('before');
        // A run that fails in the middle, as when the memory is full.
        let calls = 0;
        const failing = countingTarget({
          ...target,
          compile: async (graph, given) => {
            const executable = await target.compile(graph, given);
            return {
              ...executable,
              run: (inputs, outputs) => {
                if (++calls > 2) throw new Error('no memory');
                return executable.run(inputs, outputs);
              },
            };
          },
        });
        const broken = createSampler(generator, failing);
        const outcome = await broken.sample(pictures, options).catch((error: Error) => error.message);
        expect(outcome).to.equal('no memory');
        expect(failing.alive()).to.equal(0);
        await broken.dispose();
        await sampler.dispose();
      });
    }
    if (parts.includes('trainings')) {
      const steps = 6;
      const training = (peers?: Peers) => {
        const count = 8;
        const tokens = tokenRoom(codes, count * codesLength(codes, grid));
        const data = {
          form: formOf(codes),
          tokens: tokens.map((_, at) => (at * at + (at >> 4)) % 4),
          classIds: Int32Array.from({ length: count }, (_, image) => image % 2),
          variants: 1,
          positions: tokensOfPicture,
        };
        const settings = {
          optimizer: ADAMW_DEFAULTS,
          learningRate: { peak: 0.003, final: 0.001, warmupSteps: 1, totalSteps: steps },
          ...{ totalSteps: steps, seed: 5, checkpointEvery: 3, ...(peers && { peers }) },
        };
        return generatorTraining(data, {
          ...{ system, config, batchSize: 4, heldOutShare: 0.25, parts: 1, recompute: false, settings },
          ...{ labelDropout: system.recipe.conditionDropout, dropout: system.recipe.dropout },
          classAlone: system.recipe.classAlone ?? 0,
        });
      };
      const losses = (folder: string) =>
        readLog(folder).flatMap(({ loss }) => (loss === undefined ? [] : [loss]));

      it('learns, and a run that is continued is the one that never stopped, bit for bit', async () => {
        const outcome = async (name: string, stops: readonly number[]) => {
          const folder = temporary(name);
          const release = createRun(folder, {});
          for (const stop of [...stops, steps]) {
            const controller = new AbortController();
            await train(folder, training(), target, controller.signal, ({ step }) => {
              if (step === stop) controller.abort();
            });
          }
          release();
          return {
            log: readLog(folder).map(({ seconds, ...entry }) => entry),
            state: [...readCheckpoint(folder)!.state].map(([key, tensor]) => [
              key,
              Buffer.from(tensor.read()).toString('hex'),
            ]),
          };
        };
        const whole = await outcome('whole', []);
        expect(await outcome('stopped', [2])).to.deep.equal(whole);
        expect(losses(temporary('whole'))).to.have.length(steps);
        expect(losses(temporary('whole')).at(-1)).to.be.below(losses(temporary('whole'))[0]!);
      });

      it('two ranks with half of each batch train what one process does with all of it', async () => {
        const [alone, shared] = [temporary('alone'), temporary('shared')];
        const signal = new AbortController().signal;
        for (const folder of [alone, shared]) createRun(folder, {})();
        await train(alone, training(), target, signal);
        await atRanks(2, (peers) => train(shared, training(peers), target, signal));
        const expected = losses(alone);
        expect(losses(shared)).to.have.length(steps);
        for (const [step, loss] of losses(shared).entries())
          expect(loss, `loss of step ${step + 1}`).to.be.closeTo(expected[step]!, 2e-5 * expected[step]!);
        const state = readCheckpoint(alone)!.state;
        for (const [name, tensor] of readCheckpoint(shared)!.state)
          expectNear(readFloats(tensor), readFloats(state.get(name)!), name);
      });

      it('an exported page draws what the program draws', async () => {
        mkdirSync(temporary('.'), { recursive: true });
        await writeModelFolder(temporary('page'), {
          generator: { ...generator, labels: [] },
          tokenizer: tokenizerFor(generator),
        });
        const model = await load(temporary('page'), { target });
        const count = system.choices.steps ? { steps: 3 } : {};
        writeFileSync(temporary('page.mjs'), await exportGpujs(model, { mode: 'cpu', ...count }));
        const page = (await import(temporary('page.mjs'))) as {
          load(gpu: unknown): { sample(options: object): Promise<{ tokens: Tokens }> };
        };
        const drawing = page.load(createRequire(import.meta.url)('gpu.js'));
        for (const guided of [{}, { guidance: 1 }]) {
          const { tokens } = await drawing.sample({ class: 1, seed: 4, ...guided });
          const { pictures: drawn } = await sampleTokens(model, {
            classes: [1],
            seed: 4,
            ...count,
            ...guided,
          });
          expectSame(codes, tokens, drawn[0]!.codes.tokens, 'the page');
        }
        await model.dispose();
      });
    }
  });
}

/**
 * Numbers that differ by no more than summing in another order does. AdamW divides by the root of squares: what is next to
 * nothing may change its sign, and a weight then moves the other way.
 */
function expectNear(actual: Float32Array, expected: Float32Array, name: string): void {
  const length = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  const difference = actual.map((value, at) => value - expected[at]!);
  expect(length(difference), name).to.be.at.most(2e-3 * length(expected) + 1e-6);
}
