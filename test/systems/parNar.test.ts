import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { narTeacherForced } from '../../graphs/nar.js';
import { parTeacherForced } from '../../graphs/par.js';
import type { Grid } from '../../graphs/rotary.js';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { classCondition, NO_CONDITION } from '../../src/conditions/condition.js';
import { InputError, UsageError } from '../../src/errors.js';
import { type Graph, parametersOf } from '../../src/graph/graph.js';
import { countElements } from '../../src/graph/dimension.js';
import { storedFloats } from '../../src/graph/weights.js';
import { parseSystemConfig } from '../../src/models/parseConfig.js';
import type { PictureRequest } from '../../src/sampling/request.js';
import {
  guidedSteps as guidedNar,
  type NarFields,
  narNetwork,
  system as nar,
} from '../../src/systems/nar.js';
import { orderOf } from '../../src/systems/orders.js';
import {
  guidedSteps as guidedPar,
  type ParFields,
  parNetwork,
  system as par,
} from '../../src/systems/par.js';
import { requireSystem } from '../../src/systems/registry.js';
import { createSampler } from '../../src/systems/sampler.js';
import type { System } from '../../src/systems/system.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import type { HostTensor } from '../../src/targets/target.js';
import { goldenJson, goldenNumbers } from '../support/golden.js';
import { runOnce } from '../support/golden/subject.js';
import { goldenGenerator } from '../support/systems.js';
import { temporaryFolder } from '../support/temporary.js';
import type { Codes } from '../../src/codes.js';

const target = onnxTarget({ threads: 1 });

const square = (side: number): Grid => ({ height: side, width: side });

/** The plan of a whole picture. */
function planOf<Config extends object>(system: System<Config>, config: Config, grid: Grid) {
  const { steps, schedule } = system.defaults(config, grid, {});
  const predicted = grid.height * grid.width;
  return system.plan(config, {
    ...{ grid, predicted, known: 0, steps, schedule, own: {} },
    ...{ rows: 1, isGuided: false },
  });
}

const parFields = (fields: object = {}) =>
  parseSystemConfig(par, { dim: 16, n_layer: 2, n_head: 2, block_size: 36, ...fields }, 'c.json');
const narFields = (fields: object = {}) =>
  parseSystemConfig(nar, { dim: 16, n_layer: 2, n_head: 2, block_size: 36, ...fields }, 'c.json');

describe('presets of PAR and NAR', () => {
  /** Millions of parameters, as published or counted of the official code. */
  const MILLIONS: Readonly<Record<string, number>> = {
    ...{ 'PAR-B-4x': 110.9, 'PAR-L-4x': 342.9, 'PAR-XL-4x': 774.7, 'PAR-XXL-4x': 1411.0 },
    ...{ 'PAR-3B-4x': 3096.7, 'PAR-3B-16x': 3096.7 },
    ...{ 'NAR-B-256': 130.6, 'NAR-M-256': 295.5, 'NAR-L-256': 372.5, 'NAR-XL-256': 816.0 },
    ...{ 'NAR-XXL-256': 1464.5, 'NAR-L-384': 372.5 },
  };

  it('have the sizes of the published models', () => {
    const counted = [par, nar].flatMap((system: System) =>
      Object.entries(system.config.presets).map(([name, { config }]) => {
        const shapes = parametersOf(system.graphs(config).step!()).map(({ outputs }) => outputs[0]!.shape);
        const elements = shapes.reduce((sum, shape) => sum + countElements(shape as number[]), 0);
        return [name, Number((elements / 1e6).toFixed(1))];
      }),
    );
    expect(Object.fromEntries(counted)).to.deep.equal(MILLIONS);
  });

  it('have as many special embeddings as regions but one', () => {
    const { config } = par.config.presets['PAR-3B-16x']!;
    const special = parametersOf(par.graphs(config).step!()).find(({ name }) => name.startsWith('spe_'))!;
    expect(special.outputs[0]!.shape).to.deep.equal([15, 3200]);
  });

  it('take as many passes as the papers say', () => {
    const passes = (system: System, config: object, side: number) =>
      planOf(system, config, square(side)).steps.length;
    expect(passes(par, par.config.presets['PAR-XL-4x']!.config, 24)).to.equal(147);
    expect(passes(par, par.config.presets['PAR-3B-16x']!.config, 24)).to.equal(51);
    expect(passes(nar, nar.config.presets['NAR-L-256']!.config, 16)).to.equal(31);
    expect(passes(nar, nar.config.presets['NAR-L-384']!.config, 24)).to.equal(47);
  });
});

describe('the interval of guidance', () => {
  const list = (guided: readonly boolean[]) => guided.map(Number).join('');

  it('counts single tokens in PAR, and starts again with the groups', () => {
    const config = parFields();
    const plan = planOf(par, config, square(6));
    const guided = (interval?: number) => list(guidedPar(config, plan, interval));
    expect(guided()).to.equal('111111111111');
    expect(guided(0)).to.equal('110010000000');
    expect(guided(1)).to.equal('111010000000');
    expect(guided(3)).to.equal('111110000000');
    expect(guided(4)).to.equal('111111000000');
    expect(guided(8)).to.equal('111111100000');
    expect(guided(28)).to.equal('111111111111');
  });

  it('counts all tokens in NAR', () => {
    const config = narFields({ block_size: 16 });
    const plan = planOf(nar, config, square(4));
    const guided = (interval?: number) => list(guidedNar(config, plan, interval));
    expect(guided()).to.equal('1111111');
    expect(guided(0)).to.equal('1000000');
    expect(guided(2)).to.equal('1100000');
    expect(guided(3)).to.equal('1110000');
    expect(guided(15)).to.equal('1111111');
  });

  it('changes what is drawn, and a long one does not', async () => {
    for (const system of [par, nar] as readonly System[]) {
      const generator = goldenGenerator(system);
      const { grid } = system.config.facts(generator.config);
      const { steps, schedule } = system.defaults(generator.config, grid, {});
      const sampler = createSampler(generator, target);
      const order = orderOf(system, generator.config, grid, {}, { seed: 1, index: 0 });
      const draw = async (own: { guidanceInterval?: number }) => {
        const options = { seed: 1, guidance: 3, guidanceSchedule: 'constant', topK: 1, topP: 1 } as const;
        const picture = { condition: classCondition(3), index: 0, order };
        const all = { ...options, temperature: 1, steps, schedule, own };
        return Array.from((await sampler.sample([picture], all))[0]!.tokens);
      };
      const always = await draw({});
      expect(await draw({ guidanceInterval: grid.height * grid.width })).to.deep.equal(always);
      expect(await draw({ guidanceInterval: 0 })).to.not.deep.equal(always);
      await sampler.dispose();
    }
  });
});

/** The logits of all steps while a picture is drawn, in the order of its positions, and its tokens. */
async function drawn(system: System, config: object, grid: Grid) {
  const { weights } = goldenGenerator(system);
  const sampler = createSampler({ system, config, weights }, target, grid);
  const { steps, schedule } = system.defaults(config, grid, {});
  const order = orderOf(system, config, grid, {}, { seed: 5, index: 0 });
  const pictures: readonly PictureRequest[] = [
    { condition: classCondition(2), index: 0, order },
    { condition: NO_CONDITION, index: 1, order },
  ];
  const passes: HostTensor[] = [];
  const tokens = await sampler.sample(
    pictures,
    {
      ...{ seed: 5, guidance: 1, guidanceSchedule: 'constant', temperature: 1, topK: 0, topP: 1 },
      ...{ steps, schedule },
    },
    ({ logits }) => passes.push({ ...logits!, data: logits!.data.slice() }),
  );
  await sampler.dispose();
  const logits = [0, 1].flatMap((row) =>
    passes.flatMap(({ data }) => {
      const half = data.length / 2;
      return Array.from(data.slice(row * half, (row + 1) * half));
    }),
  );
  return { order, tokens, logits };
}

/** What the training graph says of the same tokens. @returns its logits, in its own order */
async function taught(system: System, graph: Graph, tokens: readonly Codes[]): Promise<Float32Array> {
  const { config, weights } = goldenGenerator(system);
  const inputs = system.training(config).batch(
    tokens.map((codes, draw) => ({
      codes,
      condition: draw === 0 ? classCondition(2) : NO_CONDITION,
      draw,
    })),
    0,
  );
  const { logits } = await runOnce(target, graph, weights, inputs, ['logits']);
  return logits!.data as Float32Array;
}

describe('drawing with PAR and NAR', () => {
  const temporary = temporaryFolder();
  const GRIDS: readonly Grid[] = [
    { height: 4, width: 10 },
    { height: 6, width: 2 },
  ];

  const expectEqual = (actual: ArrayLike<number>, expected: ArrayLike<number>) => {
    expect(actual.length).to.equal(expected.length);
    const magnitude = Math.max(...Array.from(expected, Math.abs));
    for (let at = 0; at < expected.length; at++)
      expect(actual[at]).to.be.closeTo(expected[at]!, 1e-5 * magnitude, String(at));
  };

  for (const grid of GRIDS)
    it(`predicts what training predicts of the same tokens, on ${grid.width}×${grid.height} tokens`, async () => {
      const fields = goldenGenerator(par).config as ParFields;
      const own = await drawn(par, fields, grid);
      const graph = parTeacherForced({ ...parNetwork(fields), grid });
      // Both are in the order of the regions.
      expectEqual(own.logits, await taught(par, graph, own.tokens));
    });

  for (const grid of GRIDS)
    it(`and NAR does with two layers below, on ${grid.width}×${grid.height} tokens`, async () => {
      const golden = goldenGenerator(nar).config as NarFields;
      const layers = golden.n_layer + golden.medusa_attention_num;
      const fields = { ...golden, n_layer: layers - 2, medusa_attention_num: 2 };
      const { order, tokens, logits } = await drawn(nar, fields, grid);
      const raster = await taught(nar, narTeacherForced({ ...narNetwork(fields), grid }), tokens);
      const [positions, width] = [order.length, golden.vocab_size];
      const inOrder = [0, 1].flatMap((row) =>
        order.flatMap((position) => {
          const start = (row * positions + position) * width;
          return Array.from(raster.slice(start, start + width));
        }),
      );
      expectEqual(logits, inOrder);
    });

  it('is one token at a time where each region is a token', async () => {
    const fields = { ...(goldenGenerator(par).config as ParFields), block_size: 4 };
    expect(planOf(par, fields, square(2)).steps.map(({ predicts }) => predicts)).to.deep.equal([1, 1, 1, 1]);
    const { tokens, logits } = await drawn(par, fields, square(2));
    const graph = parTeacherForced(parNetwork(fields));
    expectEqual(logits, await taught(par, graph, tokens));
    // The special entries are fed to nothing, and learn nothing.
    const name = 'spe_tok_embeddings.special_embeddings.weight';
    const inputs = par.training(fields).batch([{ codes: tokens[0]!, condition: NO_CONDITION, draw: 0 }], 0);
    const { weights } = goldenGenerator(par);
    const gradients = await runOnce(target, withGradients(graph, 'loss', [name]), weights, inputs, [
      `gradient.${name}`,
    ]);
    expect(new Set(gradients[`gradient.${name}`]!.data)).to.deep.equal(new Set([0]));
  });

  it('is LlamaGen where there is one region, step by step and from a file', async () => {
    const { config, weights } = goldenGenerator(requireSystem('llamagen'));
    const { grid } = requireSystem('llamagen').config.facts(config);
    const fields = { ...(config as ParFields), ar_token_num: 1, spe_token_num: 0 };
    const none = storedFloats([0, fields.dim], new Float32Array(0));
    const whole = new Map([...weights, ['spe_tok_embeddings.special_embeddings.weight', none]]);
    mkdirSync(temporary('.'), { recursive: true });
    const file = temporary('one.safetensors');
    writeFileSync(file, Buffer.concat([...serializeSafetensors(whole)]));
    const { tensors } = openSafetensors(file);
    const plan = planOf(par, fields, grid);
    expect(plan.steps.map(({ predicts }) => predicts)).to.deep.equal(Array(plan.steps.length).fill(1));
    const [{ id, class_labels, cfg_scale }] = goldenJson('llamagen-tiny.json').cases as unknown as [
      { id: number; class_labels: readonly number[]; cfg_scale: number },
    ];
    const golden = goldenNumbers('llamagen-tiny.expected.safetensors');
    const sampler = createSampler({ system: par, config: fields, weights: tensors }, target);
    const order = orderOf(par, fields, grid, {}, { seed: 0, index: 0 });
    const tokens = await sampler.sample(
      class_labels.map((label, index) => ({ condition: classCondition(label), index, order })),
      {
        ...{ seed: 0, guidance: cfg_scale, guidanceSchedule: 'constant', temperature: 1, topK: 1, topP: 1 },
        ...{ steps: plan.steps.length, schedule: '' },
      },
    );
    await sampler.dispose();
    expect(tokens.flatMap((own) => Array.from(own.tokens))).to.deep.equal(
      Array.from(golden(`generate.${id}.tokens`).data),
    );
  });

  it('refuses grids that the regions do not divide', () => {
    const generator = goldenGenerator(par);
    for (const [height, width] of [
      [6, 5],
      [5, 6],
      [3, 3],
    ] as const)
      expect(() => createSampler(generator, target, { height, width })).to.throw(
        UsageError,
        `${width}×${height} tokens: PAR: its 4 regions lie 2 by 2: both sides must be multiples of 2 tokens`,
      );
  });
});

describe('configurations of PAR and NAR', () => {
  it('may leave out what follows from the others', () => {
    expect(parFields().ar_token_num).to.equal(4);
    expect(narFields().medusa_attention_num).to.equal(1);
    expect(parFields({ ar_token_num: 9, spe_token_num: null }).ar_token_num).to.equal(9);
    expect(parFields({ ar_token_num: 36, spe_token_num: 35 }).spe_token_num).to.equal(35);
  });

  const parFaults: readonly (readonly [object, string])[] = [
    [{ ar_token_num: 6 }, 'ar_token_num 6 is not a square number'],
    [{ ar_token_num: 16 }, 'ar_token_num 16: its root 4 must divide the side of the grid, which is 6'],
    [{ ar_token_num: 64 }, 'ar_token_num 64: its root 8 must divide the side of the grid, which is 6'],
    [{ ar_token_num: 4, spe_token_num: 4 }, 'spe_token_num 4 must be ar_token_num − 1 = 3'],
    [{ ar_token_num: 0 }, "field 'ar_token_num' must be >= 1"],
    [{ ar_token_num: 2.5 }, "field 'ar_token_num' must be integer"],
    [{ medusa_attention_num: 1 }, 'medusa_attention_num 1 makes another network'],
    [{ block_size: 35 }, 'block_size 35 is not a square number'],
    [{ n_kv_head: 1 }, 'n_kv_head 1 differs from n_head 2'],
  ];
  for (const [fields, fault] of parFaults)
    it(`of PAR are refused: ${fault}`, () => {
      expect(() => parFields(fields)).to.throw(InputError, `c.json: ${fault}`);
    });

  const narFaults: readonly (readonly [object, string])[] = [
    [{ medusa_attention_num: 0 }, "field 'medusa_attention_num' must be >= 1"],
    [{ ar_token_num: 4 }, 'ar_token_num 4 makes another network'],
    [{ spe_token_num: 3 }, 'spe_token_num 3 makes another network'],
    [{ dim: 65536, n_layer: 1, n_head: 64, medusa_attention_num: 1024 }, 'its sizes (dim, n_layer'],
  ];
  for (const [fields, fault] of narFaults)
    it(`of NAR are refused: ${fault}`, () => {
      expect(() => narFields(fields)).to.throw(InputError, `c.json: ${fault}`);
    });

  it('are refused by the other decoders', () => {
    for (const name of ['llamagen', 'randar'])
      for (const field of ['ar_token_num', 'spe_token_num', 'medusa_attention_num'])
        expect(() =>
          parseSystemConfig(requireSystem(name), { dim: 16, n_layer: 2, n_head: 2, [field]: 4 }, 'c.json'),
        ).to.throw(InputError, `c.json: ${field} 4 makes another network`);
  });
});
