import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { embeddingRows } from '../../graphs/arpg.js';
import { arpgConfig } from '../support/arpg.js';
import { type GeneratorModel, openGenerator, openTokenizer } from '../../src/models/modelFolder.js';
import { InputError } from '../../src/errors.js';
import { readFloats, type Weights } from '../../src/graph/weights.js';
import { generatorStart, tokenizerStart } from '../../src/training/fineTune.js';
import { SYSTEMS } from '../../src/systems/registry.js';
import { arpg } from '../support/cli.js';
import { goldenGenerator, tokenizerFor } from '../support/systems.js';
import { writeEditableModel } from '../support/editableModel.js';
import { temporaryFolder } from '../support/temporary.js';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

describe('a generator that starts from another', () => {
  const temporary = temporaryFolder();
  let model: GeneratorModel;
  const names = Array.from({ length: 10 }, (_, index) => `class ${index}`);
  before(async () => {
    await writeEditableModel(temporary('model'));
    model = { ...openGenerator(temporary('model')), labels: names };
  });
  const start = (labels: readonly string[], classes = labels.length) =>
    generatorStart(
      model,
      { ...model, tokenizer: {}, config: { ...model.config, num_classes: classes }, labels },
      'it',
      3,
    );
  const table = (weights: Weights) => readFloats(weights.get('embeddings.weight')!);
  const rowOf = (weights: Weights, row: number) => [...table(weights).slice(row * 32, (row + 1) * 32)];

  it('keeps its weights as they are where the classes are the same', () => {
    expect(start(names)).to.deep.equal({ weights: model.weights });
    expect(start([], 10)).to.deep.equal({ weights: model.weights });
  });

  it('keeps all but the rows of classes that it does not know', () => {
    const labels = ['new', 'class 7', 'class 0'];
    const { weights, note } = start(labels);
    const [from, to] = [model.config, { ...model.config, num_classes: 3 }].map(arpgConfig) as [
      ReturnType<typeof arpgConfig>,
      ReturnType<typeof arpgConfig>,
    ];
    expect(weights.get('embeddings.weight')!.shape).to.deep.equal([embeddingRows.count(to), 32]);
    for (let row = 0; row <= embeddingRows.mask(from); row++)
      expect(rowOf(weights, row)).to.deep.equal(rowOf(model.weights, row));
    for (const [own, known] of [
      [embeddingRows.classLabel(to, 1), embeddingRows.classLabel(from, 7)],
      [embeddingRows.classLabel(to, 2), embeddingRows.classLabel(from, 0)],
      [embeddingRows.nullClass(to), embeddingRows.nullClass(from)],
      [embeddingRows.position(to), embeddingRows.position(from)],
    ] as const)
      expect(rowOf(weights, own)).to.deep.equal(rowOf(model.weights, known));
    const drawn = rowOf(weights, embeddingRows.classLabel(to, 0));
    expect(drawn.every((value) => Math.abs(value) < 0.2) && new Set(drawn).size > 20).to.equal(true);
    for (const [name, tensor] of model.weights)
      if (name !== 'embeddings.weight') expect(weights.get(name)).to.equal(tensor);
    expect(note).to.include('of 3, 2 are known to it by name, 1 start from random numbers');
    const unnamed = start([], 3);
    expect(unnamed.note).to.include('of 3, 0 are known to it');
    expect(rowOf(unnamed.weights, embeddingRows.nullClass(to))).to.deep.equal(
      rowOf(model.weights, embeddingRows.nullClass(from)),
    );
  });

  it('gives classes in another order their own rows', () => {
    const { weights } = start(names.toReversed());
    const config = arpgConfig(model.config);
    for (let classId = 0; classId < 10; classId++)
      expect(rowOf(weights, embeddingRows.classLabel(config, classId))).to.deep.equal(
        rowOf(model.weights, embeddingRows.classLabel(config, 9 - classId)),
      );
  });

  it('takes other classes whatever the system calls their number', () => {
    for (const system of SYSTEMS) {
      const known = { ...goldenGenerator(system), labels: [] };
      const { grid, classes, codes } = system.config.facts(known.config);
      const { config: tokenizer } = tokenizerFor(known);
      const config = {
        ...known.config,
        ...system.config.sized({ grid, classes: classes - 7, codes, tokenizer }),
      };
      const { weights, note } = generatorStart(known, { ...known, tokenizer, config }, 'it', 1);
      expect(note, system.name).to.include(`of ${classes - 7}, 0 are known to it by name`);
      const { parameter } = system.checkpoint.classRows(config);
      const rows = (from: Weights) => from.get(parameter)!.shape[0]!;
      expect(rows(weights), system.name).to.equal(rows(known.weights) - 7);
    }
  });

  it('is refused with other sizes, which are named', () => {
    for (const [change, says] of [
      [{ vocab_size: 65 }, 'vocab_size is 64 there and 65 here'],
      [{ dim: 64, n_layer: 4 }, 'dim is 32 there and 64 here, n_layer is 2 there and 4 here'],
      [{ block_size: 64, num_classes: 3 }, 'block_size is 16 there and 64 here'],
      [{ absolute_positions: true }, 'absolute_positions is false there and true here'],
      [{ norm_eps: 1e-6 }, 'norm_eps'],
    ] as const)
      expect(() =>
        generatorStart(
          model,
          { ...model, tokenizer: {}, config: { ...model.config, ...change }, labels: [] },
          'it',
          1,
        ),
      )
        .to.throw(InputError, says)
        .with.property('message')
        .that.matches(/^it: /);
    const tokenizer = openTokenizer(tiny);
    const startOf = (change: object) =>
      tokenizerStart(tokenizer, { ...tokenizer, config: { ...tokenizer.config, ...change } }, 'it');
    expect(startOf({ image_size: 64 })).to.equal(tokenizer.weights);
    expect(() => startOf({ codebook_size: 8 })).to.throw(
      InputError,
      'it: training cannot start from a model of other sizes: codebook_size is 64 there and 8 here',
    );
  });
});

describe('arpg train on token lines', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  const line = (index: number, about: object) =>
    `${JSON.stringify({ tokens: Array.from({ length: 16 }, (_, place) => (index * 7 + place) % 32), ...about })}\n`;
  const train = (name: string, lines: string, ...flags: readonly string[]) => {
    writeFileSync(temporary(`${name}.jsonl`), lines);
    const sizes = { dim: 32, n_layer: 2, n_head: 2, multiple_of: 32 };
    writeFileSync(temporary('sizes.json'), JSON.stringify(sizes));
    const result = arpg([
      ...['train', '--data', temporary(`${name}.jsonl`), '--tokenizer', 'tiny', '--out', temporary(name)],
      ...[
        '--config',
        temporary('sizes.json'),
        '--steps',
        '1',
        '--warmup',
        '0',
        '--batch',
        '4',
        '--seed',
        '1',
      ],
      ...['--target', 'onnx', '--threads', '1', ...flags],
    ]);
    return { ...result, isMade: existsSync(temporary(name)) };
  };
  const lines = (count: number, about: (index: number) => object) =>
    Array.from({ length: count }, (_, index) => line(index, about(index))).join('');

  it('refuses what is no square picture or has no class, before the run folder is made', () => {
    for (const [name, text, says] of [
      ['wide', lines(4, () => ({ grid: [2, 8], class_id: 0 })), 'a grid of 2×8 tokens'],
      ['mixed', lines(4, (index) => ({ grid: index < 3 ? [4, 4] : [2, 8] })), 'line 4: a grid of 2×8 tokens'],
      ['false', lines(4, () => ({ grid: [4, 9] })), 'line 1: 16 tokens do not fill a grid of 4×9'],
      ['classless', lines(4, (index) => (index === 2 ? {} : { class_id: 0 })), 'line 3: it has no class_id'],
    ] as const) {
      const { code, errors, isMade } = train(name, text);
      expect([code, errors.trim().split('\n').length, isMade], errors).to.deep.equal([3, 1, false]);
      expect(errors).to.include(says);
    }
  });

  it('says what has no effect and what is held out, and holds out whole pictures', () => {
    const text = lines(20, (index) => ({ source: `${index % 4}.png` }));
    const { code, errors } = train('crops', text, '--flip', '--holdout', '0.3');
    expect(code, errors).to.equal(0);
    expect(errors).to.include('--flip has no effect on tokens').and.include('of one class');
    expect(errors).to.include('20 images are of 4 pictures').and.include('validates on 4 held-out images');
  });

  it('--init takes a model with other classes, and refuses one of other sizes before the folder is made', async () => {
    await writeEditableModel(temporary('model'));
    // The tokenizer of that model makes 64 codes, as the one here does.
    const text = lines(12, (index) => ({ class_id: index % 3 }));
    const tuned = train('tuned', text, '--init', temporary('model'));
    expect(tuned.code, tuned.errors).to.equal(0);
    expect(tuned.errors).to.include('its 10 classes are not those of the data: of 3, 0 are known');
    expect(openGenerator(temporary('tuned/model')).config).to.have.property('num_classes', 3);
    await writeEditableModel(temporary('wider'), { dim: 64 });
    const smaller = train('smaller', text, '--init', temporary('wider'));
    expect([smaller.code, smaller.isMade], smaller.errors).to.deep.equal([3, false]);
    expect(smaller.errors).to.include('dim is 64 there and 32 here');
    // Names stand for folders, as those of --model do.
    const named = train('named', text, '--init', 'digits');
    expect([named.code, named.isMade], named.errors).to.deep.equal([3, false]);
    expect(named.errors).to.include('models/digits: training cannot start from a model of other sizes');
    const misspelt = train('misspelt', text, '--init', 'digitz');
    expect([misspelt.code, misspelt.isMade]).to.deep.equal([3, false]);
    expect(misspelt.errors).to.include("digitz: no such model folder; did you mean 'digits'?");
    const flags = ['--data', temporary('misspelt.jsonl'), '--out', temporary('misspelt')];
    const unknown = arpg(['train', ...flags, '--tokenizer', 'emojy']);
    expect([unknown.code, existsSync(temporary('misspelt'))]).to.deep.equal([3, false]);
    expect(unknown.errors).to.include("emojy: no such model folder; did you mean 'emoji'?");
  });
});
