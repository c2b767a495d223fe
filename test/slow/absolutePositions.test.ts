import { expect } from 'chai';
import { arpgPrefill, arpgStep, arpgTeacherForced, cacheNames, embeddingRows } from '../../graphs/arpg.js';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import { openPytorch } from '../support/checkpoints.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { readFloats, type Weights } from '../../src/graph/weights.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor, type Target } from '../../src/targets/target.js';
import { expectClose, TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson, goldenNumbers, goldenPath } from '../support/golden.js';

const official = arpgFields(goldenJson('arpg-tiny.json').config, 'arpg-tiny.json');
const published = arpgConfig(official);
const config = arpgConfig({ ...official, absolute_positions: true });
const golden = goldenNumbers('arpg-tiny.expected.safetensors');
const { tensors: weights } = await openPytorch(goldenPath('arpg-tiny.pt'));
const positions = config.grid.height * config.grid.width;
const training = {
  tokens: golden('train.input_ids'),
  class_ids: golden('train.condition'),
  orders: golden('train.orders'),
};
const TABLE = 'embeddings.weight';

/** Runs a step or prefill graph for one image, from an empty cache unless one is given. */
async function runPass(
  graph: ReturnType<typeof arpgStep>,
  inputs: Readonly<Record<string, readonly number[]>>,
  past: Readonly<Record<string, HostTensor>> = {},
): Promise<Record<string, HostTensor>> {
  const executable = await referenceTarget.compile(graph, { weights });
  const outputs = await executable.run({
    ...Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => [name, intTensor([1, values.length], values)]),
    ),
    ...past,
  });
  const read = Object.entries(outputs).map(async ([name, tensor]) => [name, await tensor.read()] as const);
  return Object.fromEntries(await Promise.all(read));
}

const emptyCache = Object.fromEntries(
  cacheNames(config).map(({ past }) => [
    past,
    floatTensor([1, config.heads, 0, config.dim / config.heads], []),
  ]),
);

/** The cache that a pass left, as the next one takes it. */
const cacheFrom = (outputs: Readonly<Record<string, HostTensor>>) =>
  Object.fromEntries(cacheNames(config).map(({ past, present }) => [past, outputs[present]!]));

/** Logits of every position before any token is known, `[positions, vocabulary]`. */
async function firstStepLogits(
  network: typeof config,
  grid = network.grid,
): Promise<readonly (readonly number[])[]> {
  const count = grid.height * grid.width;
  const outputs = await runPass(
    arpgStep(network, grid),
    {
      content_ids: [embeddingRows.classLabel(network, 3)],
      content_positions: [0],
      query_positions: Array.from({ length: count }, (_, position) => position + 1),
    },
    emptyCache,
  );
  const { data } = outputs.logits!;
  const width = network.vocabularySize;
  return Array.from({ length: count }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width)));
}

const lossOf = async (table: HostTensor): Promise<number> => {
  const changed: Weights = new Map([
    ...weights,
    [TABLE, { ...weights.get(TABLE)!, dtype: 'f32' as const, read: () => new Uint8Array(table.data.buffer) }],
  ]);
  const executable = await referenceTarget.compile(arpgTeacherForced(config), { weights: changed });
  return (await (await executable.run(training)).loss!.read()).data[0]!;
};

/** Logits, loss and every gradient. */
async function trainingOutputs(target: Target): Promise<ReadonlyMap<string, HostTensor>> {
  const graph = withGradients(arpgTeacherForced(config), 'loss', [...weights.keys()]);
  const executable = await target.compile(graph, { weights });
  const outputs = Object.entries(await executable.run(training));
  const read = await Promise.all(outputs.map(async ([name, tensor]) => [name, await tensor.read()] as const));
  await executable.dispose();
  return new Map(read);
}

describe('absolute positions', () => {
  it('at the first step, when only the class is known, each position has its own logits; published models have one for all', async () => {
    const [first, ...others] = await firstStepLogits(published);
    for (const logits of others)
      for (const [code, logit] of logits.entries()) expect(logit).to.be.closeTo(first![code]!, 1e-6);
    const distinct = await firstStepLogits(config);
    for (const [row, logits] of distinct.entries())
      for (const other of distinct.slice(row + 1))
        expect(Math.max(...logits.map((logit, code) => Math.abs(logit - other[code]!)))).to.be.above(1e-3);
  });

  it('in a grid of twice the size, a position is the place in the picture that it was in the trained one', async () => {
    const { height, width } = config.grid;
    const trained = await firstStepLogits(config);
    const larger = await firstStepLogits(config, { height: 2 * height, width: 2 * width });
    for (const [position, logits] of trained.entries()) {
      const [row, column] = [Math.floor(position / width), position % width];
      const same = larger[2 * row * 2 * width + 2 * column]!;
      for (const [code, logit] of logits.entries()) expect(same[code]!).to.be.closeTo(logit, 1e-5);
    }
  });

  it('sampling token by token gives the teacher-forced logits, pre-filled or not', async () => {
    const executable = await referenceTarget.compile(arpgTeacherForced(config), { weights });
    const teacher = (await (await executable.run(training)).logits!.read()).data.subarray(
      0,
      positions * config.vocabularySize,
    );
    const order = Array.from(training.orders.data.subarray(0, positions));
    const ids = [
      embeddingRows.classLabel(config, training.class_ids.data[0]!),
      ...order.map((position) => training.tokens.data[position]!),
    ];
    const places = [0, ...order.map((position) => position + 1)];
    for (const known of [0, 5]) {
      let cache: Readonly<Record<string, HostTensor>> = emptyCache;
      if (known > 0)
        cache = cacheFrom(
          await runPass(arpgPrefill(config), {
            content_ids: ids.slice(0, known),
            content_positions: places.slice(0, known),
          }),
        );
      for (let step = known; step < positions; step++) {
        const outputs = await runPass(
          arpgStep(config),
          {
            content_ids: [ids[step]!],
            content_positions: [places[step]!],
            query_positions: [places[step + 1]!],
          },
          cache,
        );
        const width = config.vocabularySize;
        const wanted = floatTensor([1, 1, width], teacher.slice(step * width, (step + 1) * width));
        expectClose(outputs.logits!, wanted, 1e-6, `token ${step}, ${known} pre-filled`);
        cache = cacheFrom(outputs);
      }
    }
  });

  it("the position vector's gradient fits finite differences", async () => {
    const { shape, data } = (await trainingOutputs(referenceTarget)).get(`gradient.${TABLE}`)!;
    const row = embeddingRows.position(config) * config.dim;
    const table = Float32Array.from(readFloats(weights.get(TABLE)!));
    const magnitude = Math.max(...data.subarray(row, row + config.dim).map(Math.abs));
    expect(magnitude).to.be.above(1e-4);
    for (const element of [0, 7, config.dim - 1]) {
      const at = row + element;
      const [above, below] = [table[at]! + 2 ** -8, table[at]! - 2 ** -8].map((value) =>
        table.with(at, value),
      );
      const rise = (await lossOf(floatTensor(shape, above!))) - (await lossOf(floatTensor(shape, below!)));
      expect(data[at]!).to.be.closeTo(rise / (above![at]! - below![at]!), 1e-2 * magnitude);
    }
  });

  for (const target of TESTED_TARGETS)
    it(`logits and gradients on ${target.name} are the reference's`, async () => {
      const got = await trainingOutputs(target);
      for (const [name, wanted] of await trainingOutputs(referenceTarget))
        expectClose(got.get(name)!, wanted, name.startsWith('gradient.') ? 1e-3 : 1e-4, name);
    });
});
