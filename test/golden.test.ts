import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openSafetensors, serializeSafetensors } from '../src/checkpoints/safetensors.js';
import { readFloats, type StoredTensor, storedFloats, type Weights } from '../src/graph/weights.js';
import { readJsonFile } from '../src/jsonFile.js';
import { resolveTarget } from '../src/targets/resolveTarget.js';
import { onnxWebGpu } from './support/conformance.js';
import { goldenJson, goldenPath } from './support/golden.js';
import type { Outcome } from './support/golden/checklist.js';
import { expectSet, faults } from './support/golden/expectSet.js';
import { openGoldenSet } from './support/golden/goldenSet.js';
import { replay } from './support/golden/replay.js';
import { hasPassed } from './support/golden/report.js';
import { temporaryFolder } from './support/temporary.js';

const SETS = readdirSync(goldenPath('')).flatMap((file) =>
  file.endsWith('.json') ? [file.slice(0, -5)] : [],
);

/** What is checked here of sets whose every key takes longer; the slow tests check all of them. */
const QUICK: Readonly<Record<string, readonly string[]>> = {
  // All but the gradients of the tokenizer.
  'var-tiny': [
    ...['tables.*', 'interp.*', 'phi_index.*', 'filter.*', 'edit.*', 'schedule.*', 'piece.*'],
    ...[
      'vae.latent',
      'vae.reconstruction.*',
      'vae.decode.*',
      'vae.train.*',
      'train.*',
      'optim.*',
      'generate.*',
    ],
  ],
};

describe('reference sets', () => {
  it('are those of all that can be replayed', () => {
    expect(SETS).to.include.members([
      'arpg-tiny',
      'vq-tiny',
      'llamagen-tiny',
      'randar-tiny',
      'par-tiny',
      'nar-tiny',
      'maskgit-tiny',
      'var-tiny',
      'mar-tiny',
      'mar-vae-tiny',
      'eval-tiny',
    ]);
  });

  // The slow tests replay them on the reference and other targets.
  for (const name of SETS)
    it(`${name} on onnx lies within its tolerances: ${QUICK[name]?.join(', ') ?? 'every key'}`, async () => {
      await expectSet(name, await resolveTarget('onnx', { threads: 2 }), QUICK[name]);
    });

  it('arpg-tiny on reference lies within its tolerances: generate.0.*', async () => {
    await expectSet('arpg-tiny', await resolveTarget('reference', {}), ['generate.0.*']);
  });

  it('arpg-tiny on onnx:webgpu lies within its tolerances: generate.0.*', async function () {
    if (!onnxWebGpu) this.skip();
    await expectSet('arpg-tiny', onnxWebGpu, ['generate.0.*']);
  });
});

describe('replaying changed sets', () => {
  const place = temporaryFolder();

  /** What a copy of a set changes. */
  interface Change {
    readonly numbers?: (numbers: Weights) => Weights;
    readonly weights?: (weights: Weights) => Weights;
    readonly json?: (json: Readonly<Record<string, unknown>>) => object;
  }

  /** Copies a set, changed. @returns its path */
  const changed = (name: string, as: string, { numbers, weights, json }: Change): string => {
    const path = place(as);
    const given = readJsonFile(goldenPath(`${name}.json`)) as Readonly<Record<string, unknown>>;
    writeFileSync(`${path}.json`, JSON.stringify(json?.(given) ?? given));
    for (const [ending, change] of [
      ['.expected.safetensors', numbers],
      ['.safetensors', weights],
    ] as const) {
      const { tensors } = openSafetensors(goldenPath(name + ending));
      writeFileSync(path + ending, Buffer.concat([...serializeSafetensors(change?.(tensors) ?? tensors)]));
    }
    return path;
  };

  /** The tensor with one element moved by a share of the largest magnitude. */
  const moved = (tensor: StoredTensor, at: number, share: number): StoredTensor => {
    const values = readFloats(tensor).slice();
    values[at]! += share * values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    return storedFloats(tensor.shape, values);
  };
  const withMoved = (key: string, at: number, share: number) => (tensors: Weights) =>
    new Map([...tensors, [key, moved(tensors.get(key)!, at, share)]]);

  const replayed = async (path: string, only?: string): Promise<Outcome> =>
    replay(await openGoldenSet(path), await resolveTarget('onnx', { threads: 2 }), only);

  it('finds one number that is off, and lets pass what rounding may do', async () => {
    for (const [key, group, share] of [
      ['train.logits', 'train.logits', 5e-5],
      ['train.loss', 'train.loss', 5e-5],
      ['train.grad.norm.weight', 'train.grad', 2e-4],
      ['generate.0.raw_logits', 'generate.0.raw_logits', 5e-5],
    ] as const) {
      const off = changed('llamagen-tiny', 'llamagen-off', { numbers: withMoved(key, 0, share) });
      const wrong = await replayed(off, key);
      expect(faults(wrong), key).to.have.length(1);
      expect(faults(wrong)[0]).to.include(`  ${group} `).and.to.include(`WRONG: ${key}`);
      expect(hasPassed(wrong)).to.equal(false);
      const near = changed('llamagen-tiny', 'llamagen-near', { numbers: withMoved(key, 0, 2e-6) });
      expect(faults(await replayed(near, key)), key).to.deep.equal([]);
    }
  });

  it('finds one token that is another', async () => {
    const key = 'generate.0.tokens';
    const numbers = (tensors: Weights): Weights => {
      const { dtype, shape, read } = tensors.get(key)!;
      const bytes = read().slice();
      bytes[8]! ^= 1;
      return new Map([...tensors, [key, { dtype, shape, read: () => bytes }]]);
    };
    const outcome = await replayed(changed('llamagen-tiny', 'llamagen-token', { numbers }), 'generate');
    expect(faults(outcome)).to.have.length(1);
    expect(faults(outcome)[0]).to.include(`WRONG: ${key}`);
  });

  it('finds tensors of another shape and infinities that are none', async () => {
    const numbers = (tensors: Weights): Weights => {
      const logits = tensors.get('train.logits')!;
      const filtered = tensors.get('filter.top_k5.top_p1.0')!;
      const finite = readFloats(filtered).map((value) => (value === -Infinity ? -1e30 : value));
      return new Map([
        ...tensors,
        ['train.logits', { ...logits, shape: [...logits.shape].reverse() }],
        ['filter.top_k5.top_p1.0', storedFloats(filtered.shape, finite)],
      ]);
    };
    const path = changed('arpg-tiny', 'arpg-shape', { numbers });
    expect(faults(await replayed(path, 'train.logits'))[0]).to.include(
      'its shape is [2, 16, 32], not [32, 16, 2]',
    );
    expect(faults(await replayed(path, 'filter'))[0]).to.include('WRONG: filter.top_k5.top_p1.0: element');
  });

  it('finds keys that nothing checks, whatever they are', async () => {
    const more = [
      'generate.7.tokens',
      'generate.0.raw_logits.16',
      'train.hidden.0',
      'note',
      'train.grad.none.weight',
    ];
    const numbers = (tensors: Weights): Weights =>
      new Map([...tensors, ...more.map((key) => [key, storedFloats([1], Float32Array.of(1))] as const)]);
    const outcome = await replayed(changed('llamagen-tiny', 'llamagen-more', { numbers }));
    expect([...outcome.unchecked].sort()).to.deep.equal([...more].sort());
    expect(faults(outcome)).to.have.length(more.length);
    expect(hasPassed(outcome)).to.equal(false);
  });

  it('finds a weight that is another, and weights that differ between their two files', async () => {
    const weights = withMoved('output.weight', 5, 0.01);
    const outcome = await replayed(changed('llamagen-tiny', 'llamagen-weight', { weights }), 'train.logits');
    expect(faults(outcome)[0]).to.include('WRONG: train.logits');
    const twins = changed('arpg-tiny', 'arpg-twins', { weights: withMoved('norm.weight', 3, 1e-6) });
    copyFileSync(goldenPath('arpg-tiny.pt'), `${twins}.pt`);
    expect(faults(await replayed(twins, 'weights'))[0]).to.include('WRONG: norm.weight');
  });

  it('takes weights from a PyTorch file alone', async () => {
    const path = place('arpg-pickled');
    for (const ending of ['.json', '.pt', '.expected.safetensors'])
      copyFileSync(goldenPath(`arpg-tiny${ending}`), path + ending);
    const outcome = await replayed(path, 'train.logits');
    expect(faults(outcome)).to.deep.equal([]);
    expect(outcome.checked).to.equal(1);
  });

  it('checks null rows and positions that are not asked for', async () => {
    for (const [name, key, row] of [
      ['llamagen-tiny', 'generate.0.raw_logits', 3],
      ['arpg-tiny', 'generate.0.raw_logits.4', 3],
      ['randar-tiny', 'generate.0.raw_logits.4', 0],
      ['par-tiny', 'generate.0.raw_logits.4', 3],
      ['nar-tiny', 'generate.0.raw_logits.4', 3],
    ] as const) {
      const { shape } = openSafetensors(goldenPath(`${name}.expected.safetensors`)).tensors.get(key)!;
      const numbers = withMoved(key, row * shape[1]! * shape[2]!, 5e-5);
      const outcome = await replayed(
        changed(name, name.replace('tiny', 'row'), { numbers }),
        'generate.0.raw_logits*',
      );
      expect(faults(outcome), name).to.have.length(1);
      expect(faults(outcome)[0]).to.include(`WRONG: ${key}`);
    }
  });

  it('checks the null rows of cases without guidance, and guidance that starts elsewhere than at 1', async () => {
    // With one step all logits come before the first guidance.
    const json = ({ cases, ...rest }: Readonly<Record<string, unknown>>) => ({
      ...rest,
      cases: (cases as { id: number }[]).map((own) => (own.id === 3 ? { ...own, guidance_scale: 1 } : own)),
    });
    const [key, only] = ['generate.3.raw_logits.0', 'generate.3.raw_logits*'];
    expect(faults(await replayed(changed('arpg-tiny', 'arpg-unguided', { json }), only))).to.deep.equal([]);
    const numbers = withMoved(key, 16 * 32, 5e-5);
    expect(faults(await replayed(changed('arpg-tiny', 'arpg-null', { json, numbers }), only))[0]).to.include(
      `WRONG: ${key}`,
    );
    const guided = (first: number) => ({
      json: ({ cases, ...rest }: Readonly<Record<string, unknown>>) => ({
        ...rest,
        cases: (cases as object[]).map((own) => ({ ...own, cfg_scales: [first, 4] })),
      }),
    });
    const almost = changed('randar-tiny', 'randar-almost', guided(1 + 1e-9));
    expect(faults(await replayed(almost, 'generate.0.*'))).to.deep.equal([]);
    const other = changed('randar-tiny', 'randar-other', guided(-20));
    expect(faults(await replayed(other, 'generate.0.*'))).to.have.length(2);
  });

  it('finds an order, a mask, a step of guidance and a state inside that are others', async () => {
    /** With one whole number changed from 0 to 1 or back. */
    const withFlipped = (key: string, at: number) => (tensors: Weights) => {
      const { dtype, shape, read } = tensors.get(key)!;
      const bytes = read().slice();
      bytes[8 * at]! ^= 1;
      return new Map([...tensors, [key, { dtype, shape, read: () => bytes }]]);
    };
    for (const [name, key, numbers] of [
      ['par-tiny', 'order', withFlipped('order', 7)],
      ['par-tiny', 'mask.group', withFlipped('mask.group', 39 * 40 + 38)],
      ['par-tiny', 'mask.cache', withFlipped('mask.cache', 1)],
      ['par-tiny', 'train.sequence', withFlipped('train.sequence', 5)],
      ['par-tiny', 'train.hidden.2', withMoved('train.hidden.2', 38 * 64, 5e-5)],
      ['par-tiny', 'n16.generate.0.guided', withFlipped('n16.generate.0.guided', 18)],
      ['par-tiny', 'generate.3.sequence', withFlipped('generate.3.sequence', 35)],
      ['nar-tiny', 'order.distance', withFlipped('order.distance', 8)],
      ['nar-tiny', 'mask.proximity', withFlipped('mask.proximity', 3)],
      ['nar-tiny', 'train.below_logits', withMoved('train.below_logits', 36 * 32, 5e-5)],
      ['nar-tiny', 'generate.1.right_logits.10', withMoved('generate.1.right_logits.10', 33, 5e-5)],
      ['nar-tiny', 'generate.2.class_labels', withFlipped('generate.2.class_labels', 0)],
      ['nar-tiny', 'g5.generate.0.guided', withFlipped('g5.generate.0.guided', 8)],
    ] as const) {
      const outcome = await replayed(changed(name, name.replace('tiny', 'other'), { numbers }), key);
      expect(faults(outcome), key).to.have.length(1);
      expect(faults(outcome)[0]).to.include(`WRONG: ${key}`);
    }
  });

  it('finds what is another in any of the networks that are called MaskGIT', async () => {
    for (const [key, at, group] of [
      ['train.mask_ratio', 0, 'train.mask_ratio'],
      ['train.grad.tok_emb.weight', 5, 'train.grad'],
      ['piece.attn0.out', 70, 'piece.attn0.out'],
      ['oddheads.out', 3, 'oddheads.out'],
      ['proj2.logits', 40, 'proj2.logits'],
      ['google.transformer.layer0', 12, 'google.transformer.layer0'],
      ['google.loss.smooth0.1', 0, 'google.loss'],
      ['google.resblock.out', 9, 'google.resblock.out'],
      ['google.quantizer.entropy_loss', 0, 'google.quantizer.entropy_loss'],
    ] as const) {
      const off = changed('maskgit-tiny', 'maskgit-off', { numbers: withMoved(key, at, 2e-4) });
      const [fault, ...more] = faults(await replayed(off, key));
      expect(fault, key).to.include(`  ${group} `).and.to.include(`WRONG: ${key}`);
      expect(more).to.deep.equal([]);
    }
    const weights = withMoved('head.weight', 5, 0.01);
    const parted = await replayed(changed('maskgit-tiny', 'maskgit-tied', { weights }), 'train').catch(
      (error: Error) => error.message,
    );
    expect(parted).to.include('head.weight is not tok_emb.weight');
  });

  it('replays sets of MaskGIT that tell of one network alone', async () => {
    const numbers = (tensors: Weights): Weights =>
      new Map([...tensors].filter(([key]) => /^(train|piece|mask)\./.test(key)));
    const json = ({ config }: Readonly<Record<string, unknown>>) => ({ config });
    const outcome = await replayed(changed('maskgit-tiny', 'maskgit-alone', { numbers, json }));
    expect(faults(outcome)).to.deep.equal([]);
    expect(outcome.checked).to.be.greaterThan(50);
  });

  it('replays variants on the same weights under their prefix', async () => {
    // A smaller grid turns its positions as the larger one does those of its upper left corner.
    const corner = [0, ...[0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => 1 + 4 * row + column))];
    const numbers = (tensors: Weights): Weights => {
      const table = tensors.get('rope.freqs_cis')!;
      const [, pairs] = table.shape as [number, number, number];
      const values = readFloats(table);
      const rows = corner.flatMap((row) =>
        Array.from(values.subarray(row * pairs * 2, (row + 1) * pairs * 2)),
      );
      const again = [...tensors].filter(([key]) => key.startsWith('generate.2.'));
      return new Map([
        ...again,
        ...again.map(([key, tensor]) => [`again.${key}`, tensor] as const),
        ['small.rope.freqs_cis', storedFloats([10, pairs, 2], Float32Array.from(rows))],
      ]);
    };
    const json = (given: Readonly<Record<string, unknown>>) => {
      const cases = (given.cases as readonly { readonly id: number }[]).filter(({ id }) => id === 2);
      const variants = [
        { id: 'small', config: { block_size: 9 } },
        { id: 'again', cases },
      ];
      return { ...given, cases, variants };
    };
    const path = changed('arpg-tiny', 'arpg-variants', { numbers, json });
    const outcome = await replayed(path);
    expect(faults(outcome)).to.deep.equal([]);
    expect(outcome.groups.map(({ group }) => group)).to.include.members([
      'generate.2.tokens',
      'again.generate.2.tokens',
      'small.rope.freqs_cis',
    ]);
    const larger = changed('arpg-tiny', 'arpg-larger', {
      numbers,
      json: (given) => ({ ...json(given), variants: [{ id: 'small', block_size: 16 }] }),
    });
    expect(faults(await replayed(larger, 'small.rope*'))[0]).to.include(
      'its shape is [17, 16, 2], not [10, 16, 2]',
    );
  });
});

describe('npm run golden', () => {
  const place = temporaryFolder();
  const program = fileURLToPath(new URL('./support/golden/main.js', import.meta.url));
  const golden = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
    return { code: status, lines: stdout.trimEnd().split('\n'), errors: stderr.trimEnd() };
  };

  it('prints a line for each group, and ends with 0', () => {
    const { code, lines } = golden(goldenPath('arpg-tiny'), goldenPath('llamagen-tiny'), '--only', 'rope.*');
    expect(lines[0]).to.match(/^arpg-tiny {2}rope\.freqs_cis {2} *\S+ {2}≤ 5\.0e-6 +ok$/);
    expect(lines).to.have.length(2);
    expect(code).to.equal(0);
  });

  it('ends with 1 where a key is not checked', () => {
    const { code, lines } = golden(
      goldenPath('arpg-tiny'),
      '--only',
      'train.orders',
      '--target',
      'reference',
    );
    expect(lines[0]).to.equal('arpg-tiny  train.orders  NOT CHECKED');
    expect(code).to.equal(1);
  });

  it('refuses what it cannot use in one line', () => {
    for (const ending of ['.json', '.safetensors', '.expected.safetensors'])
      copyFileSync(goldenPath(`llamagen-tiny${ending}`), place(`unheard-of-tiny${ending}`));
    writeFileSync(place('llamagen-random.json'), '{"config":{},"cases":[]}');
    for (const ending of ['.safetensors', '.expected.safetensors'])
      copyFileSync(goldenPath(`maskgit-tiny${ending}`), place(`maskgit-unheard${ending}`));
    const [first, ...others] = goldenJson('maskgit-tiny.json').cases as readonly object[];
    const cases = [{ ...first, sampler: 'unheard-of' }, ...others];
    writeFileSync(
      place('maskgit-unheard.json'),
      JSON.stringify({ ...goldenJson('maskgit-tiny.json'), cases }),
    );
    for (const [args, code, words] of [
      [[], 2, 'no set is named'],
      [[goldenPath('vq-tiny'), '--fast'], 2, "Unknown option '--fast'"],
      [[goldenPath('vq-tiny'), '--target', 'abacus'], 2, "target 'abacus' is unknown"],
      [[goldenPath('vq-tiny'), '--only', 'nothing'], 2, '--only nothing matches no key of vq-tiny'],
      [[place('arpg-absent')], 3, 'arpg-absent.json: cannot be read'],
      [[place('llamagen-random')], 3, 'llamagen-random'],
      [[place('maskgit-unheard')], 3, "a case: field 'sampler' must be equal to one of the allowed values"],
      [[place('unheard-of-tiny')], 3, "sets of 'unheard-of' cannot be replayed; there are arpg,"],
    ] as const) {
      const outcome = golden(...args);
      expect(outcome.code, words).to.equal(code);
      expect(outcome.errors).to.include(words);
      expect(outcome.errors.split('\n'), words).to.have.length(1);
    }
  }).timeout(120_000);
});
