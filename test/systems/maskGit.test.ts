import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { NO_CONDITION } from '../../src/conditions/condition.js';
import { InputError } from '../../src/errors.js';
import { countElements } from '../../src/graph/dimension.js';
import { parametersOf } from '../../src/graph/graph.js';
import { exportGpujs, load, writeModelFolder } from '../../src/index.js';
import { parseSystemConfig } from '../../src/models/parseConfig.js';
import { unknownShare } from '../../src/sampling/maskedSteps/shares.js';
import { system as maskGit } from '../../src/systems/maskGit.js';
import { type MaskGitFields, maskGitNetwork } from '../../src/systems/maskGitFields.js';
import { classRow } from '../../src/systems/inputs.js';
import { hideTokens, maskGitBatch } from '../../src/systems/maskGitTraining.js';
import type { TrainingExample } from '../../src/systems/system.js';
import { goldenGenerator, tokenizerOf } from '../support/systems.js';
import { temporaryFolder } from '../support/temporary.js';
import { indexCodes, indicesBelow } from '../support/codes.js';

const parse = (fields: object): MaskGitFields => parseSystemConfig(maskGit, fields, 'c.json');
const sizes = { hidden_dim: 64, depth: 2, heads: 4 };

/** Parameters of a configuration in millions. */
function millions(fields: MaskGitFields): number {
  const counts = parametersOf(maskGit.graphs(fields).step!()).map(({ outputs: [tensor] }) =>
    countElements(tensor!.shape as readonly number[]),
  );
  return counts.reduce((sum, count) => sum + count, 0) / 1e6;
}

describe('configurations of MaskGIT', () => {
  it('have the published defaults', () => {
    expect(parse(sizes)).to.deep.equal({
      ...sizes,
      ...{ input_size: 24, codebook_size: 16384, nclass: 1000, register: 1, proj: 1, dropout: 0.1 },
    });
    for (const mlp_dim of [undefined, null, 256])
      expect(maskGitNetwork(parse({ ...sizes, mlp_dim })).feedForwardHidden).to.equal(256);
    expect(maskGitNetwork(parse({ ...sizes, mlp_dim: 4096 })).feedForwardHidden).to.equal(2816);
  });

  it('presets are taken, and have the sizes of their names', () => {
    const counts = Object.fromEntries(
      Object.entries(maskGit.config.presets).map(([name, { config }]) => {
        expect(parse(config)).to.deep.equal(config);
        return [name, millions(config)];
      }),
    );
    expect(Object.keys(counts)).to.deep.equal(
      ['Tiny', 'Small', 'Base', 'Large', 'XLarge'].map((size) => `MaskGIT-${size}-384`),
    );
    expect(counts['MaskGIT-Large-384']).to.be.closeTo(480, 0.5);
    const sorted = Object.values(counts).toSorted((a, b) => a - b);
    expect(Object.values(counts)).to.deep.equal(sorted);
    for (const { config } of Object.values(maskGit.config.presets))
      expect(maskGit.config.facts(config)).to.deep.equal({
        grid: { height: 24, width: 24 },
        classes: 1000,
        codes: indicesBelow(16384),
      });
  });

  it('a small one is sized by the data', () => {
    const data = { grid: { height: 7, width: 7 }, classes: 10, codes: indicesBelow(128), tokenizer: {} };
    for (const [name, fields] of Object.entries(maskGit.config.trainable)) {
      const config = parse({ ...fields, ...maskGit.config.sized(data) });
      expect(maskGit.config.facts(config)).to.deep.equal({
        grid: { height: 7, width: 7 },
        classes: 10,
        codes: indicesBelow(128),
      });
      expect(millions(config), name).to.be.lessThan(12);
      expect(maskGit.config.describe(config)).to.match(/^dim \d+, \d+ layers, \d+ heads$/);
    }
  });

  const wrong: Readonly<Record<string, readonly [object, string]>> = {
    'more heads than channels': [{ heads: 65 }, 'heads 65 must not be more than hidden_dim 64'],
    'squares of three': [{ proj: 3 }, 'proj 3 makes another network; only 1 and 2 are supported'],
    'squares that do not cover the picture': [{ proj: 2, input_size: 7 }, 'input_size 7 must be even'],
    'no layers': [{ depth: 0 }, "field 'depth' must be >= 1"],
    'a side of no whole number': [{ input_size: 6.5 }, "field 'input_size' must be integer"],
    'all of it dropped': [{ dropout: 1 }, "field 'dropout' must be < 1"],
    'fewer registers than none': [{ register: -1 }, "field 'register' must be >= 0"],
    'wide layers': [{ hidden_dim: 65536, heads: 64 }, 'billion parameters'],
    'a wide hidden layer': [{ hidden_dim: 8192, depth: 8, mlp_dim: 1 << 18 }, 'billion parameters'],
    'large tables': [{ hidden_dim: 1024, codebook_size: 1 << 24 }, 'billion parameters'],
  };
  for (const [name, [fields, reason]] of Object.entries(wrong))
    it(`with ${name} are refused at once`, () => {
      expect(() => parse({ ...sizes, ...fields }))
        .to.throw(InputError, `c.json: `)
        .with.property('message')
        .that.includes(reason);
    });

  it('files are told by their names, and no others', () => {
    const { recognise } = maskGit.checkpoint;
    const names = parametersOf(maskGit.graphs(parse({ ...sizes, input_size: 4 })).step!()).map(
      ({ name }) => name,
    );
    expect(recognise(new Set(names))).to.equal(true);
    for (const needed of ['cls_emb.weight', 'last_norm.norm_final.weight'])
      expect(recognise(new Set(names.filter((name) => name !== needed)))).to.equal(false);
    expect(names).to.include(maskGit.checkpoint.classRows(parse(sizes)).parameter);
    expect(names).to.include.members(Object.values(maskGit.checkpoint.tied!));
    expect(names).not.to.include.members(Object.keys(maskGit.checkpoint.tied!));
  });
});

describe('training MaskGIT', () => {
  const fields = parse({ ...sizes, input_size: 8, codebook_size: 30, nclass: 5 });
  const example = (draw: number): TrainingExample => ({
    codes: indexCodes(Array.from({ length: 64 }, (_, position) => (position * 7 + draw) % 30)),
    condition: draw % 3 === 0 ? NO_CONDITION : { kind: 'class', index: draw % 5 },
    draw,
  });
  const rowsOf = (data: ArrayLike<number>, length: number) =>
    Array.from({ length: data.length / length }, (_row, row) =>
      Array.from({ length }, (_, place) => data[row * length + place]!),
    );

  it('hides tokens whose number is below the share', () => {
    const numbers = [0, 0.2, 0.5, 0.9];
    const hide = (share: number) => hideTokens([4, 5, 6, 7], share, (position) => numbers[position]!, 30);
    expect(hide(0)).to.deep.equal([4, 5, 6, 7]);
    expect(hide(0.5)).to.deep.equal([30, 30, 6, 7]);
    expect(hide(1)).to.deep.equal([30, 30, 30, 30]);
  });

  it('gives each picture, the same with tokens hidden, and its class', () => {
    const examples = [3, 4, 5].map(example);
    const { tokens, masked_tokens, class_ids } = maskGitBatch(fields, examples, 9);
    expect(rowsOf(tokens.data, 64)).to.deep.equal(examples.map((own) => [...own.codes.tokens]));
    expect([...class_ids.data]).to.deep.equal([5, 4, 0]);
    expect(classRow(NO_CONDITION, fields.nclass)).to.equal(5);
    for (const [index, token] of masked_tokens.data.entries())
      expect(token).to.be.oneOf([30, tokens.data[index]]);
  });

  it('what is hidden depends on the picture and the seed alone', () => {
    const hidden = (draws: readonly number[], seed: number) =>
      rowsOf(maskGitBatch(fields, draws.map(example), seed).masked_tokens.data, 64);
    const together = hidden([1, 2, 3], 9);
    expect(hidden([2], 9)).to.deep.equal([together[1]]);
    expect(hidden([2], 10)).not.to.deep.equal([together[1]]);
    expect(together[1]).not.to.deep.equal(together[2]);
  });

  it('hides shares spread as the arc cosine says, the same chance for all positions', () => {
    const pictures = 2000;
    const { masked_tokens } = maskGitBatch(
      fields,
      Array.from({ length: pictures }, (_, draw) => example(draw)),
      1,
    );
    const rows = rowsOf(masked_tokens.data, 64).map((row) => row.map((token) => Number(token === 30)));
    const shares = rows.map((row) => row.reduce((sum, one) => sum + one, 0) / 64);
    // Half of all pictures hide at least what is unknown at half of the progress.
    const median = shares.toSorted((a, b) => a - b)[pictures / 2]!;
    expect(median).to.be.closeTo(unknownShare('arccos', 0.5, 64), 0.03);
    expect(shares.reduce((sum, share) => sum + share, 0) / pictures).to.be.closeTo(2 / Math.PI, 0.02);
    for (const position of [0, 31, 63])
      expect(rows.reduce((sum, row) => sum + row[position]!, 0) / pictures).to.be.closeTo(2 / Math.PI, 0.03);
  });
});

describe('a page of MaskGIT', () => {
  const temporary = temporaryFolder();

  it('takes another sampler, and refuses settings that mean nothing together', async () => {
    const generator = goldenGenerator(maskGit);
    await writeModelFolder(temporary('model'), {
      generator: { ...generator, labels: [] },
      tokenizer: tokenizerOf(32),
    });
    const model = await load(temporary('model'), { target: 'reference' });
    writeFileSync(temporary('page.mjs'), await exportGpujs(model, { mode: 'cpu', steps: 1, guided: false }));
    await model.dispose();
    const page = (await import(temporary('page.mjs'))) as {
      load(gpu: unknown): { sample(options: object): Promise<{ tokens: Int32Array }> };
    };
    const drawing = page.load(createRequire(import.meta.url)('gpu.js'));
    const { tokens } = await drawing.sample({ class: 1, seed: 4, own: { sampler: 'v1' } });
    expect(tokens).to.have.length(16);
    const refused = await drawing
      .sample({ class: 1, seed: 4, own: { choiceTemperature: 2 } })
      .catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(RangeError);
    expect((refused as Error).message).to.include('choice-temperature means nothing to the sampler halton');
  });
});
