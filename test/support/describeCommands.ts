import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { pickle } from '../../src/checkpoints/pickleProgram.js';
import { storedFloats, type Weights } from '../../src/graph/weights.js';
import { writeModelFolder } from '../../src/models/modelFolder.js';
import { SYSTEMS } from '../../src/systems/registry.js';
import { filledSettings } from '../../src/systems/settings.js';
import type { System } from '../../src/systems/system.js';
import { arpg } from './cli.js';
import { goldenJson, goldenNumbers, goldenPath } from './golden.js';
import { stateDictOf, writeCheckpoint } from './pickle.js';
import { goldenGenerator, tokenizerFor } from './systems.js';
import { temporaryFolder } from './temporary.js';

const TINY = new URL('../../../fixtures/models/tiny', import.meta.url).pathname;

/** A case of any system's golden numbers, as flags. */
interface Case {
  readonly id: number;
  readonly class_labels: readonly number[];
  readonly num_iter?: number;
  readonly num_inference_steps?: number;
  readonly sample_schedule?: string;
  readonly guidance_scale?: number;
  readonly cfg_scale?: number;
  readonly cfg_scales?: readonly [number, number];
  readonly cfg_schedule?: string;
  readonly cfg_interval?: number;
  readonly sampler?: string;
  readonly step?: number;
  readonly w?: number;
  readonly randomize?: boolean | string;
  readonly top_k?: number;
  readonly sm_temp_min?: number;
  readonly sm_temp_max?: number;
  readonly temp_pow?: number;
  readonly temp_warmup?: number;
  readonly cfg?: number;
  readonly more_smooth?: boolean;
  readonly edit?: object;
}

/** Whether nothing in a case of a system's is left to chance, so that the command can draw it. */
const isCertain = ({ codes }: System, { sampler, randomize, top_k, more_smooth, edit }: Case): boolean =>
  codes !== 'vectors' &&
  more_smooth !== true &&
  edit === undefined &&
  (sampler === undefined || (sampler === 'halton' && randomize === false && top_k === 1));

/** A case of MaskGIT's Halton sampler. */
function haltonFlags(test: Case): readonly string[] {
  const values = {
    ...{ sampler: test.sampler, steps: test.step, guidance: test.w, 'guidance-schedule': 'constant' },
    ...{ 'logit-scale-start': test.sm_temp_min, 'logit-scale-end': test.sm_temp_max },
    ...{ 'logit-scale-power': test.temp_pow, 'logit-scale-warmup': test.temp_warmup },
    ...{ 'top-k': test.top_k, seed: 1 },
  };
  return [
    ...test.class_labels.flatMap((label) => ['--class', String(label)]),
    ...Object.entries(values).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    '--no-roll',
  ];
}

/** Fields of a network that is trained within seconds. */
function sizesOf({ name }: System): object {
  if (name === 'maskgit') return { hidden_dim: 16, depth: 2, heads: 2, mlp_dim: 64 };
  if (name === 'var') return { embed_dim: 16, depth: 1, num_heads: 2 };
  if (name !== 'mar') return { dim: 16, n_layer: 2, n_head: 2, multiple_of: 16 };
  const stacks = ['encoder', 'decoder'].flatMap((part) =>
    Object.entries({ embed_dim: 16, depth: 1, num_heads: 2 }).map(([field, size]) => [
      `${part}_${field}`,
      size,
    ]),
  );
  return {
    ...Object.fromEntries(stacks),
    buffer_size: 4,
    diffloss_d: 1,
    diffloss_w: 32,
    num_sampling_steps: 'ddim4',
  };
}

/** The codes of a picture of 16 tokens, as a line of a file has them. */
function lineOf({ codes }: System, image: number): object {
  const tokens = (length: number) => Array.from({ length }, (_token, place) => (image + place) % 32);
  if (codes === 'indices') return { tokens: tokens(16) };
  if (codes === 'scales') return { tokens: tokens(30), scales: [1, 2, 3, 4] };
  const vectors = Array.from({ length: 64 }, (_number, place) => Math.sin(image + place));
  return { vectors, channels: 4, grid: [4, 4] };
}

function flagsOf(test: Case, order: string | undefined): readonly string[] {
  if (test.sampler !== undefined) return haltonFlags(test);
  const classes = test.class_labels.flatMap((label) => ['--class', String(label)]);
  if (test.cfg !== undefined)
    return [...classes, ...['--guidance', String(test.cfg), '--top-k', String(test.top_k), '--seed', '1']];
  const steps = test.num_iter ?? test.num_inference_steps;
  const [first, last] = test.cfg_scales ?? [];
  const interval = test.cfg_interval ?? -1;
  const schedule = test.cfg_schedule ?? (first === undefined || first === last ? 'constant' : 'linear');
  return [
    ...classes,
    ...(steps === undefined ? [] : ['--steps', String(steps)]),
    ...(test.sample_schedule === undefined ? [] : ['--schedule', test.sample_schedule]),
    ...['--guidance', String(test.guidance_scale ?? test.cfg_scale ?? last)],
    ...['--guidance-schedule', schedule, '--top-k', '1', '--seed', '1'],
    ...(interval < 0 ? [] : ['--guidance-interval', String(interval)]),
    ...(order === undefined ? [] : ['--order', order]),
  ];
}

/** Tests of all commands on models of one system. */
export function describeCommands(system: System): void {
  describe(`the commands with ${system.title}`, () => {
    const temporary = temporaryFolder();
    const name = `${system.name}-tiny`;
    const { cases } = goldenJson(`${name}.json`) as unknown as { cases: readonly Case[] };
    const golden = goldenNumbers(`${name}.expected.safetensors`);
    const model = temporary('model');
    const { config } = goldenGenerator(system);
    const { grid } = system.config.facts(config);
    const positions = grid.height * grid.width;
    const { steps } = system.defaults(config, grid, filledSettings(system.settings));
    // Networks that draw with their tokenizer's codes are imported with it, which the same files hold.
    const needsTokenizer = system.checkpoint.ofTokenizer !== undefined;
    const companion = needsTokenizer
      ? [
          ...['--tokenizer', goldenPath(`${name}.safetensors`)],
          ...['--tokenizer-config', goldenPath(`${name}.json`)],
        ]
      : [];

    before(async () => {
      mkdirSync(temporary('.'), { recursive: true });
      // As their trainers write them: the weights beside what only training needs.
      const { value, storages } = stateDictOf(goldenGenerator(system).weights);
      const whole = pickle.dict({ model: value, steps: pickle.int(7), args: pickle.none });
      await writeCheckpoint(temporary('trained.pt'), whole, storages);
    });

    it('import finds out the system by the names of its parameters', () => {
      for (const [file, flags] of [
        [goldenPath(`${name}.safetensors`), []],
        [temporary('trained.pt'), []],
        [temporary('trained.pt'), ['--system', system.name]],
      ] as const) {
        const output = file.endsWith('.pt') ? temporary(`from-pt${flags.join('')}`) : model;
        const { code, errors } = arpg([
          ...['import', file, '--config', goldenPath(`${name}.json`), ...flags, ...companion, '-o', output],
        ]);
        expect(code, errors).to.equal(0);
        expect(errors).to.include(`system: ${system.title}`);
        expect(JSON.parse(readFileSync(`${output}/config.json`, 'utf8')).architecture).to.equal(system.name);
        expect(readFileSync(`${output}/README.md`, 'utf8')).to.include(
          `${system.title} (arXiv ${system.paper})`,
        );
      }
    });

    it('import refuses what is of another network, as far as files and fields say it', async () => {
      const { weights } = goldenGenerator(system);
      const refuse = async (name: string, fields: object, more: Weights, message: string) => {
        const { value, storages } = stateDictOf(new Map([...weights, ...more]));
        await writeCheckpoint(temporary(`${name}.pt`), pickle.dict({ model: value }), storages);
        writeFileSync(temporary(`${name}.json`), JSON.stringify({ ...config, ...fields }));
        const { code, errors } = arpg([
          ...['import', temporary(`${name}.pt`), '--config', temporary(`${name}.json`)],
          ...['--system', system.name, ...companion, '-o', temporary(name)],
        ]);
        expect(code, errors).to.equal(3);
        expect(errors).to.include(message);
        expect(existsSync(temporary(name))).to.equal(false);
      };
      const [[other, name] = []] = Object.entries(system.checkpoint.tied ?? {});
      if (other !== undefined) {
        const { shape } = weights.get(name!)!;
        const parted = storedFloats(shape, new Float32Array(shape[0]! * shape[1]!));
        await refuse('tied', {}, new Map([[other, parted]]), `${other} is not ${name}`);
      }
      if (!('block_size' in config)) {
        const more = new Map([['spe_tok_embeddings.weight', storedFloats([1], new Float32Array(1))]]);
        await refuse('other', {}, more, 'spe_tok_embeddings.weight');
        return;
      }
      const table = storedFloats([2 + positions, 8, 2], new Float32Array(16 * (2 + positions)));
      const rope = new Map([['freqs_cis', table]]);
      const message = `is of ${positions + 1} tokens, the configuration of ${positions}; check block_size`;
      await refuse('rope', {}, rope, message);
      // What other decoders have, and this one does not.
      const more = ['spe_tok_embeddings.special_embeddings.weight', 'medusa_output.weight'].filter(
        (other) => !weights.has(other),
      );
      for (const other of more) {
        const matrix = storedFloats([3, 64], new Float32Array(192));
        await refuse('other', {}, new Map([[other, matrix]]), other);
      }
      if (system.name !== 'arpg')
        await refuse('t2i', { model_type: 't2i' }, new Map(), 'model_type "t2i" makes');
    });

    it('a preset of another system is refused in one line', () => {
      const other = SYSTEMS.find((each) => each !== system)!;
      const [preset] = Object.keys(other.config.presets);
      const { code, errors } = arpg([
        ...['import', goldenPath(`${name}.safetensors`), '--system', system.name],
        ...['--config', preset!, '-o', temporary('never')],
      ]);
      expect(code).to.equal(2);
      expect(errors.trim().split('\n')).to.have.length(1);
      expect(errors).to.include(`of ${other.title}, not of ${system.title}`);
      expect(existsSync(temporary('never'))).to.equal(false);
    });

    for (const test of cases.filter((own) => isCertain(system, own)))
      it(`sample draws the official tokens of case ${test.id}`, () => {
        let order: string | undefined;
        if (system.can.order && test.sampler === undefined) {
          order = temporary(`order-${test.id}.json`);
          writeFileSync(order, JSON.stringify(Array.from(golden(`generate.${test.id}.order`).data)));
        }
        const { code, text, errors } = arpg([
          ...['sample', '--model', model, '--format', 'tokens', ...flagsOf(test, order)],
        ]);
        expect(code, errors).to.equal(0);
        const drawn = text
          .trim()
          .split('\n')
          .flatMap((line) => JSON.parse(line).tokens as number[]);
        expect(drawn).to.deep.equal(Array.from(golden(`generate.${test.id}.tokens`).data));
      });

    it('graph shows each of its graphs, and export writes them', () => {
      const graphs = Object.keys(system.graphs(goldenGenerator(system).config));
      for (const graph of [...graphs, 'train']) {
        const { code, text, errors } = arpg(['graph', graph, '--model', model]);
        expect(code, errors).to.equal(0);
        expect(text).to.include(system.name);
        const table = arpg(['graph', graph, '--model', model, '--format', 'table']);
        expect(table.code, table.errors).to.equal(0);
        expect(table.text).to.match(/FLOP/);
      }
      for (const graph of graphs) {
        const file = temporary(`${graph}.onnx`);
        const { code, errors } = arpg([
          ...['export', '--model', model, '--format', 'onnx', '--graph', graph, '-o', file],
        ]);
        expect(code, errors).to.equal(0);
        expect(existsSync(file)).to.equal(true);
      }
      const encoder = arpg(['graph', 'encoder', '--model', model]);
      expect(encoder.code).to.equal(needsTokenizer ? 0 : 3);
      if (!needsTokenizer) expect(encoder.errors).to.include('has no tokenizer');
    });

    it('what it cannot do is refused in one line that names the systems which can', async () => {
      const whole = temporary('whole');
      const generator = { ...goldenGenerator(system), labels: [] };
      await writeModelFolder(whole, { generator, tokenizer: tokenizerFor(generator) });
      const picture = temporary('picture.png');
      const drawn = arpg(['sample', '--model', whole, '--class', '1', '--seed', '1', '-o', picture]);
      expect(drawn.code, drawn.errors).to.equal(0);
      const raster = JSON.stringify(Array.from({ length: positions }, (_, at) => positions - 1 - at));
      writeFileSync(temporary('backwards.json'), raster);
      const attempts = {
        known: ['outpaint', picture, '--right', '4', '--class', '1', '-o', temporary('wide.png')],
        grids: ['sample', '--class', '1', '--size', '32x16', '--format', 'tokens'],
        order: ['sample', '--class', '1', '--order', temporary('backwards.json'), '--format', 'tokens'],
      } as const;
      for (const [ability, command] of Object.entries(attempts)) {
        const { code, errors } = arpg([...command, '--model', whole, '--seed', '1', '--quiet']);
        if (system.can[ability as keyof typeof attempts]) {
          expect(code, errors).to.equal(0);
          continue;
        }
        expect(code).to.equal(2);
        expect(errors.trim().split('\n')).to.have.length(1);
        for (const able of SYSTEMS.filter(({ can }) => can[ability as keyof typeof attempts]))
          expect(errors).to.include(able.title);
      }
      expect(existsSync(temporary('wide.png'))).to.equal(system.can.known);
      if (!system.choices.steps) {
        const { code, errors } = arpg([
          ...['sample', '--model', whole, '--class', '1', '--steps', '3', '--format', 'tokens', '--quiet'],
        ]);
        expect(code).to.equal(2);
        expect(errors).to.include(`${system.title} takes ${steps} steps for ${positions} tokens`);
      }
    });

    it('train --system trains one that sample draws with', () => {
      const lines = Array.from({ length: 8 }, (_, image) => ({
        ...lineOf(system, image),
        class_id: image % 2,
      }));
      writeFileSync(temporary('lines.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      writeFileSync(temporary('sizes.json'), JSON.stringify(sizesOf(system)));
      const run = temporary('run');
      const tokenizer = system.codes === 'indices' ? TINY : temporary('whole');
      const trained = arpg([
        ...['train', '--system', system.name, '--config', temporary('sizes.json'), '--tokenizer', tokenizer],
        ...['--data', temporary('lines.jsonl'), '--steps', '3', '--batch', '4', '--seed', '1', '--out', run],
      ]);
      expect(trained.code, trained.errors).to.equal(0);
      expect(JSON.parse(readFileSync(`${run}/run.json`, 'utf8')).system).to.equal(system.name);
      const { code, errors } = arpg([
        ...['sample', '--model', `${run}/model`, '--class', '1', '--seed', '1', '-o', temporary('one.png')],
      ]);
      expect(code, errors).to.equal(0);
    });
  });
}
