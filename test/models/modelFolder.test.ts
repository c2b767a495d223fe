import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { aliasesByClass, parseAliases } from '../../src/conditions/aliases.js';
import { chooseClasses } from '../../src/conditions/classGroups.js';
import { findClasses, parseLabels } from '../../src/conditions/labels.js';
import { InputError, OutputError, UsageError } from '../../src/errors.js';
import { readFloats, type StoredTensor, storedFloats, type Weights } from '../../src/graph/weights.js';
import { load, sample } from '../../src/index.js';
import { importGenerator, importTokenizer } from '../../src/models/importCheckpoint.js';
import { FORMAT_VERSION, publishedConfigSchema } from '../../src/models/modelConfig.js';
import {
  openGenerator,
  openTokenizer,
  readClassNames,
  writeModelFolder,
} from '../../src/models/modelFolder.js';
import { SYSTEMS } from '../../src/systems/registry.js';
import { TOKENIZERS } from '../../src/tokenizers/registry.js';
import { writeEditableModel } from '../support/editableModel.js';
import { goldenPath } from '../support/golden.js';
import { temporaryFolder } from '../support/temporary.js';

const labels = Array.from({ length: 10 }, (_, index) => `class ${index}`);

describe('model folders', () => {
  const temporary = temporaryFolder();

  it('with weights in double precision draw on every target what those in single precision draw', async () => {
    await writeEditableModel(temporary('single'));
    const [generator, tokenizer] = [openGenerator(temporary('single')), openTokenizer(temporary('single'))];
    const inDoubles = (weights: Weights): Weights =>
      new Map(
        [...weights].map(([name, tensor]) => {
          const doubles = Float64Array.from(readFloats(tensor));
          return [name, { dtype: 'f64', shape: tensor.shape, read: () => new Uint8Array(doubles.buffer) }];
        }),
      );
    const own = { ...generator, weights: inDoubles(generator.weights) };
    const vq = { ...tokenizer, weights: inDoubles(tokenizer.weights) };
    await writeModelFolder(temporary('double'), { generator: own, tokenizer: vq });
    const stored = openSafetensors(temporary('double/model.safetensors')).tensors;
    expect(new Set([...stored.values()].map(({ dtype }) => dtype))).to.deep.equal(new Set(['f64']));
    for (const target of ['reference', 'onnx', 'gpujs:cpu']) {
      const drawn = await Promise.all(
        ['single', 'double'].map(async (name) => {
          const model = await load(temporary(name), { target });
          const { pictures } = await sample(model, { classes: [3], seed: 1, steps: 3 });
          await model.dispose();
          return pictures;
        }),
      );
      expect(drawn[1], target).to.deep.equal(drawn[0]);
    }
  });

  it('keep tensors, configuration and labels, and refuse to replace one', async () => {
    writeFileSync(temporary('labels.json'), JSON.stringify(labels));
    const generator = await importGenerator(goldenPath('arpg-tiny.pt'), goldenPath('arpg-tiny.json'), {
      labels: temporary('labels.json'),
      license: 'CC0-1.0',
      sampling: { guidance: 7, top_p: 0.9 },
    });
    const tokenizer = await importTokenizer(goldenPath('vq-tiny.pt'), goldenPath('vq-tiny.json'));
    await writeModelFolder(temporary('model'), { generator, tokenizer });
    const opened = openGenerator(temporary('model'));
    expect(opened.config).to.deep.equal(generator.config);
    expect(opened.labels).to.deep.equal(labels);
    expect([opened.license, opened.sampling]).to.deep.equal(['CC0-1.0', { guidance: 7, top_p: 0.9 }]);
    const card = readFileSync(temporary('model/README.md'), 'utf8');
    for (const part of [
      'license: "CC0-1.0"',
      '# model',
      'dim 64, 4 layers',
      'class 0, class 1',
      '64 codes of',
    ])
      expect(card).to.include(part);
    for (const [name, tensor] of generator.weights)
      expect(Buffer.from(opened.weights.get(name)!.read()).equals(tensor.read()), name).to.equal(true);
    expect(openTokenizer(temporary('model')).config).to.deep.equal(tokenizer.config);
    const before = readFileSync(temporary('model/config.json'), 'utf8');
    let refused: unknown;
    await writeModelFolder(temporary('model'), { generator }).catch((error: unknown) => {
      refused = error;
    });
    expect(refused).to.be.instanceOf(OutputError);
    expect(readFileSync(temporary('model/config.json'), 'utf8')).to.equal(before);
    expect(readdirSync(dirname(temporary('x'))).filter((name) => name.includes('partial'))).to.deep.equal([]);
  });

  it('a tokenizer can stand alone', async () => {
    const tokenizer = await importTokenizer(goldenPath('vq-tiny.pt'), goldenPath('vq-tiny.json'));
    await writeModelFolder(temporary('vq'), { tokenizer });
    expect(openTokenizer(temporary('vq')).weights.size).to.equal(tokenizer.weights.size);
    expect(() => openGenerator(temporary('vq'))).to.throw(InputError, "architecture 'vq'");
  });

  it('missing, unknown and misshapen tensors are listed', async () => {
    const tensors = new Map(openSafetensors(goldenPath('arpg-tiny.safetensors')).tensors);
    tensors.delete('head.weight');
    tensors.delete('norm.weight');
    tensors.set('extra.bias', storedFloats([1], Float32Array.of(0)));
    tensors.set('layers.norm.weight', storedFloats([2], Float32Array.of(0, 0)));
    tensors.set('freqs_cis', storedFloats([1], Float32Array.of(0)));
    writeFileSync(temporary('odd.safetensors'), Buffer.concat([...serializeSafetensors(tensors)]));
    const failure = await importGenerator(temporary('odd.safetensors'), goldenPath('arpg-tiny.json')).catch(
      (error: Error) => error,
    );
    expect(failure).to.be.instanceOf(InputError);
    const { message } = failure as Error;
    expect(message).to.include('2 missing: norm.weight, head.weight');
    expect(message).to.include('1 unknown: extra.bias');
    expect(message).to.include('layers.norm.weight is [2] instead of [64]');
    expect(message).to.not.include('freqs_cis');
  });

  const edited = (name: string, change: (config: Record<string, unknown>) => void) => {
    const folder = temporary(name);
    cpSync(temporary('model'), folder, { recursive: true });
    const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));
    change(config);
    writeFileSync(`${folder}/config.json`, JSON.stringify(config));
    return folder;
  };

  it('a newer format, damaged configuration or missing part is refused by name', () => {
    expect(() =>
      openGenerator(edited('newer', (config) => Object.assign(config, { format_version: 99 }))),
    ).to.throw(InputError, 'update arpg');
    expect(() =>
      openGenerator(edited('odd', (config) => Object.assign(config.config as object, { n_layer: 3 }))),
    ).to.throw(InputError, 'n_layer must be even');
    expect(() =>
      openGenerator(edited('text', (config) => Object.assign(config.config as object, { dim: 'many' }))),
    ).to.throw(InputError, "field 'dim'");
    expect(() => openGenerator(temporary('nowhere'))).to.throw(InputError, 'no such model folder');
    const folder = edited('bare', () => {});
    rmSync(`${folder}/tokenizer`, { recursive: true });
    expect(() => openTokenizer(folder)).to.throw(InputError, 'no tokenizer');
    mkdirSync(temporary('empty'));
    expect(() => openGenerator(temporary('empty'))).to.throw(InputError, 'config.json');
  });

  it('a folder of the first version is brought up to date', () => {
    const folder = edited('first', (config) => {
      config.format_version = 1;
      delete config.license;
      delete config.sampling;
    });
    const opened = openGenerator(folder);
    expect([opened.config, opened.license]).to.deep.equal([
      openGenerator(temporary('model')).config,
      undefined,
    ]);
    // The licence came with the second version.
    const odd = edited('odd-first', (config) => Object.assign(config, { surprise: 1 }));
    expect(() => openGenerator(odd)).to.throw(InputError, 'additional properties');
  });

  it('the published schema is the one in use, and fits what is written', () => {
    const published = JSON.parse(readFileSync(goldenPath('../config.schema.json'), 'utf8'));
    expect(published).to.deep.equal(JSON.parse(JSON.stringify(publishedConfigSchema)));
    const check = new Ajv({ strict: false }).compile(published);
    for (const part of ['config.json', 'tokenizer/config.json']) {
      const config = JSON.parse(readFileSync(temporary(`model/${part}`), 'utf8'));
      expect(check(config), part).to.equal(true);
      expect(check({ ...config, config: { ...config.config, dim: 'many', ch: 'many' } }), part).to.equal(
        false,
      );
      expect(check({ ...config, format_version: FORMAT_VERSION + 1 }), part).to.equal(false);
    }
  });

  it('the schemas that are checked with are schemas, which nobody checks at the start', () => {
    const { oneOf, properties } = publishedConfigSchema as {
      readonly oneOf: readonly { readonly properties: { readonly config: object } }[];
      readonly properties: { readonly sampling: object };
    };
    const ajv = new Ajv({ strict: true });
    const schemas = [properties.sampling, ...oneOf.map((choice) => choice.properties.config)];
    expect(schemas).to.have.length(SYSTEMS.length + TOKENIZERS.length + 1);
    for (const schema of schemas) expect(ajv.validateSchema(schema), ajv.errorsText()).to.equal(true);
  });

  it('half-precision weights stay so in the folder', async () => {
    const source = openSafetensors(goldenPath('arpg-tiny.safetensors')).tensors;
    const halved = new Map(
      [...source].map(([name, { shape }]): [string, StoredTensor] => {
        const bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1) * 2);
        return [name, { dtype: 'bf16', shape, read: () => bytes }];
      }),
    );
    writeFileSync(temporary('half.safetensors'), Buffer.concat([...serializeSafetensors(halved)]));
    await writeModelFolder(temporary('half'), {
      generator: await importGenerator(temporary('half.safetensors'), goldenPath('arpg-tiny.json')),
    });
    expect(openGenerator(temporary('half')).weights.get('head.weight')!.dtype).to.equal('bf16');
    expect(existsSync(temporary('half/tokenizer'))).to.equal(false);
  });
});

describe('class names', () => {
  const temporary = temporaryFolder();
  const names = ['tench, Tinca tinca', 'goldfish', 'tabby cat'];

  it('are found by index, name and synonym in any case', () => {
    expect(findClasses('2', 3, names)).to.deep.equal([2]);
    expect(findClasses('Goldfish', 3, names)).to.deep.equal([1]);
    expect(findClasses('tinca TINCA', 3, names)).to.deep.equal([0]);
  });

  it('with slashes form groups, found by name too', () => {
    const nested = ['Food/Fruit', 'food/drink/hot', 'foodless', 'food/drink/cold', 'flags'];
    expect(findClasses('food', 5, nested)).to.deep.equal([0, 1, 3]);
    expect(findClasses('food/DRINK', 5, nested)).to.deep.equal([1, 3]);
    expect(findClasses('food/fruit', 5, nested)).to.deep.equal([0]);
    expect(findClasses('Drink', 5, nested)).to.deep.equal([1, 3]);
    expect(findClasses('cold', 5, nested)).to.deep.equal([3]);
    expect(findClasses('drink/hot', 5, nested)).to.deep.equal([1]);
    expect(() => findClasses('col', 5, nested)).to.throw(UsageError, "did you mean 'food/drink/cold'");
    expect(() => findClasses('foo', 5, nested)).to.throw(UsageError, "did you mean 'Food'");
    expect(() => findClasses('food/drik', 5, nested)).to.throw(UsageError, "did you mean 'food/drink'");
  });

  it('are found by the last part that one class alone has, before the group of that name', () => {
    const hearts = ['smileys/heart/black_heart', 'smileys/heart/heart', 'people/ring', 'objects/ring'];
    expect(chooseClasses('heart', 4, hearts)).to.deep.equal({
      indices: [1],
      note: "class heart is the class 'smileys/heart/heart' (index 1), not a group of that name, with 2 classes",
    });
    expect(chooseClasses('smileys/heart', 4, hearts)).to.deep.equal({ indices: [0, 1] });
    expect(chooseClasses('ring', 4, hearts)).to.deep.equal({ indices: [2, 3] });
  });

  it('are found with other hyphens, underscores and spaces, and by other names that the model knows', () => {
    const names = [
      'hearts/black_heart',
      'hearts/heart',
      'flags/de',
      'arts-and-crafts/knot',
      'tabby cat, mouser',
    ];
    const others = {
      'hearts/heart': ['red heart', 'love'],
      'hearts/black_heart': ['love'],
      'flags/de': ['Germany'],
    };
    const aliases = parseAliases(others, names, 'aliases.json');
    const found = (wanted: string) => findClasses(wanted, names.length, names, 'model', aliases);
    expect(found('Black heart')).to.deep.equal([0]);
    expect(found('hearts/black-heart')).to.deep.equal([0]);
    expect(found('tabby_cat')).to.deep.equal([4]);
    expect(found('arts and crafts')).to.deep.equal([3]);
    expect(found('red_heart')).to.deep.equal([1]);
    expect(found('germany')).to.deep.equal([2]);
    expect(found('love')).to.deep.equal([0, 1]);
    expect(() => found('germani')).to.throw(UsageError, "did you mean 'germany'?");
    expect(() => found(' ')).to.throw(UsageError);
    expect(parseAliases(aliasesByClass(aliases, names), names, '')).to.deep.equal(aliases);
  });

  for (const [what, value, message] of [
    ['a list', [], 'other names of classes must be a JSON object of lists'],
    ['names of unknown classes', { a: ['b'], x: [] }, "'x' is no class of the model"],
    ['names that are no lists', { a: 'b' }, "the other names of 'a' must be a list of texts"],
  ] as const)
    it(`cannot be ${what}`, () => {
      expect(() => parseAliases(value, ['a'], 'aliases.json')).to.throw(
        InputError,
        `aliases.json: ${message}`,
      );
    });

  it('of the emoji that people type are found', () => {
    const folder = 'fixtures/models/emoji';
    const { labels, aliases } = readClassNames(folder, 1906);
    const found = (wanted: string) =>
      findClasses(wanted, 1906, labels, 'emoji', aliases).map((index) => labels[index]);
    for (const [wanted, name] of [
      ['red_heart', 'smileys/heart/heart'],
      ['heart', 'smileys/heart/heart'],
      ['dog', 'animals/mammal/dog'],
      ['flag-de', 'flags/country-flag/de'],
      ['flag of germany', 'flags/country-flag/de'],
      ['Japanese flag', 'flags/country-flag/jp'],
      ['south-korean flag', 'flags/country-flag/kr'],
      ['robot', 'smileys/face-costume/robot_face'],
      ['bicycle', 'travel/transport-ground/bike'],
      ['sun', 'travel/sky-and-weather/sunny'],
    ] as const)
      expect(found(wanted), wanted).to.deep.equal([name]);
    expect(found('tree')).to.have.length.above(3);
  });

  it('are kept with the other names when a model is written again', async () => {
    await writeEditableModel(temporary('named'));
    const aliases = parseAliases({ 'class 3': ['third one'] }, labels, '');
    const generator = { ...openGenerator(temporary('named')), labels, aliases };
    await writeModelFolder(temporary('again'), { generator });
    expect(readClassNames(temporary('again'), labels.length)).to.deep.equal({ labels, aliases });
  });

  it('that are numbers go before indices; numbers of the library are indices', () => {
    const numbers = ['0', '2', '5'];
    expect(findClasses('5', 3, numbers)).to.deep.equal([2]);
    expect(findClasses('2', 3, numbers)).to.deep.equal([1]);
    expect(findClasses(2, 3, numbers)).to.deep.equal([2]);
    expect(() => findClasses('4', 3, numbers)).to.throw(UsageError, 'class 4 does not exist');
    expect(() => findClasses('1000000000', 3, numbers)).to.throw(UsageError, 'does not exist');
    for (const wrong of [-1, 3, 0.5, Number.NaN])
      expect(() => findClasses(wrong, 3, numbers)).to.throw(UsageError, `class ${wrong} does not exist`);
    const digits = Array.from({ length: 10 }, (_, digit) => String(digit));
    expect(digits.map((digit) => findClasses(digit, 10, digits))).to.deep.equal(
      digits.map((digit) => [Number(digit)]),
    );
  });

  it('that mean more than one thing are explained', () => {
    const noteOf = (wanted: string, labels: readonly string[]) =>
      chooseClasses(wanted, labels.length, labels).note;
    expect(noteOf('2', ['0', '2', '5'])).to.equal("class 2 is the class '2' (index 1), not '5' (index 2)");
    expect(noteOf('1', ['0', '2', '5'])).to.equal(
      "no class is named 1: it is taken as the index of the class '2'",
    );
    expect(noteOf('5', ['0', '2', '5'])).to.equal(undefined);
    expect(noteOf('1', ['a', 'b'])).to.equal(undefined);
    expect(noteOf('1', [])).to.equal(undefined);
    expect(noteOf('crane', ['crane', 'dog', 'crane'])).to.include('(index 0), not');
    expect(noteOf('cat', ['Cat', 'cat'])).to.include("is the class 'cat' (index 1), not 'Cat' (index 0)");
    expect(noteOf('food', ['food', 'food/apple'])).to.include("not 'food/apple' (index 1)");
  });

  it('unknown ones are answered with the nearest', () => {
    expect(() => findClasses('goldfsh', 3, names)).to.throw(UsageError, "did you mean 'goldfish'?");
    expect(() => findClasses('zebra crossing', 3, names)).to.throw(UsageError, 'labels.json');
    expect(() => findClasses('3', 3, names)).to.throw(UsageError, 'classes 0 to 2');
    expect(() => findClasses('cat', 3, [])).to.throw(UsageError, 'no class names');
  });

  it('come from a list or an object, one for each class', () => {
    expect(parseLabels({ 0: 'a', 1: 'b' }, 2, 'x')).to.deep.equal(['a', 'b']);
    expect(() => parseLabels(['a'], 2, 'x.json')).to.throw(InputError, 'x.json: 1 labels for 2 classes');
    expect(() => parseLabels({ 0: 'a', 5: 'b' }, 2, 'x.json')).to.throw(InputError, 'labels must be');
  });
});
