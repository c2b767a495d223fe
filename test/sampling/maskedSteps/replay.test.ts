import { expect } from 'chai';
import { readJsonFile } from '../../../src/jsonFile.js';
import type { GraphRunner } from '../../../src/sampling/runner.js';
import {
  type DeviceTensor,
  floatTensor,
  type HostTensor,
  type TargetTensor,
} from '../../../src/targets/target.js';
import { createChecklists } from '../../support/golden/checklist.js';
import { openGoldenSet } from '../../support/golden/goldenSet.js';
import type { MaskedSubject } from '../../support/golden/maskGit/maskedRun.js';
import { replayOriginalSampling } from '../../support/golden/maskGit/replayOriginalSampling.js';
import { replayMaskedCases, replayV1 } from '../../support/golden/maskGit/replaySampling.js';
import { replayTables } from '../../support/golden/maskGit/replayTables.js';
import { goldenNumbers, goldenPath } from '../../support/golden.js';

const golden = goldenNumbers('maskgit-tiny.expected.safetensors');
const set = await openGoldenSet(goldenPath('maskgit-tiny'));
const json = readJsonFile(goldenPath('maskgit-tiny.json')) as {
  readonly config: { readonly codebook_size: number; readonly nclass: number };
  readonly cases: readonly { readonly id: number; readonly step: number; readonly w: number }[];
  readonly v1: {
    readonly codebook_size: number;
    readonly nclass: number;
    readonly generate: { readonly step: number };
  };
  readonly google: {
    readonly codebook_size: number;
    readonly num_class: number;
    readonly generate: { readonly num_iter: number };
  };
};

const POSITIONS = 16;

/** One entry along the first axis. */
const row = ({ shape, data }: HostTensor, index: number) => {
  const length = data.length / shape[0]!;
  return data.slice(index * length, (index + 1) * length);
};

/** What a network was fed in a row, and what it gave. */
type Passes = ReadonlyMap<string, ArrayLike<number>>;

const passName = (classId: number, codes: ArrayLike<number>) => `${classId}: ${Array.from(codes).join()}`;

/** The passes that the numbers store of a network, for each row. */
function storedPasses(prefix: string, steps: number, codes: number, nullClass: number): Passes {
  const labels = Array.from(golden(`${prefix}.labels`).data);
  return new Map(
    Array.from({ length: steps }, (_, step) => step).flatMap((step) => {
      const input = golden(`${prefix}.input.${step}`);
      const logits = golden(`${prefix}.raw_logits.${step}`);
      return Array.from({ length: logits.shape[0]! }, (_, index): [string, ArrayLike<number>] => {
        const picture = index % labels.length;
        // The original's have the class before the codes.
        const fed = Array.from(row(input, picture), (code) => (code < 0 ? codes : code)).slice(-POSITIONS);
        const classId = index < labels.length ? labels[picture]! : nullClass;
        return [passName(classId, fed), row(logits, index)];
      });
    }),
  );
}

/** The last entries of the second axis. */
function lastOf({ shape, data }: HostTensor, entries: number): HostTensor {
  const [rows, all, width] = shape as [number, number, number];
  const kept = Array.from({ length: rows }, (_, index) =>
    Array.from(data.slice((index * all + all - entries) * width, (index + 1) * all * width)),
  );
  return floatTensor([rows, entries, width], kept.flat());
}

/** A network that knows the stored passes alone. @param width codes that it predicts, the mask's among them or not */
function storedNetwork(passes: Passes, width: number): GraphRunner & { readonly held: () => number } {
  let held = 0;
  const given = (tensor: HostTensor): DeviceTensor => {
    held++;
    return { ...tensor, read: async () => tensor, dispose: () => void held-- };
  };
  return {
    held: () => held,
    caches: () => [],
    run: async (graph, inputs: Readonly<Record<string, TargetTensor>>) => {
      expect(graph).to.equal('step');
      const [codes, classIds] = [inputs.codes as HostTensor, inputs.class_ids as HostTensor];
      const rows = Array.from(classIds.data, (classId, index) => {
        const name = passName(classId, row(codes, index));
        const logits = passes.get(name);
        if (!logits) throw new Error(`it was fed what the official sampler does not feed: ${name}`);
        return Array.from(logits);
      });
      const all = floatTensor([rows.length, rows[0]!.length / width, width], rows.flat());
      const isLonger = all.shape[1] !== POSITIONS;
      return { logits: given(lastOf(all, POSITIONS)), ...(isLonger && { all_logits: given(all) }) };
    },
  };
}

const network = (codes: number, classes: number) => ({
  codebook_size: codes,
  nclass: classes,
  input_size: 4,
});

/** Replays with stored passes; nothing may differ, and every key of the pattern must be checked. */
async function expectReplayed(
  pattern: RegExp,
  sizes: MaskedSubject['network'],
  passes: Passes,
  width: number,
  replay: (subject: MaskedSubject) => Promise<void>,
): Promise<void> {
  const checklists = createChecklists(set);
  const runner = storedNetwork(passes, width);
  const checklist = checklists.under('');
  await replay({ checklist, source: 'maskgit-tiny.json', runner, network: sizes });
  const { groups, unchecked } = checklists.outcome();
  for (const { group, error, limit, worst } of groups)
    expect(error, `${group}: ${worst}`).to.be.at.most(limit);
  expect(unchecked.filter((key) => pattern.test(key))).to.deep.equal([]);
  expect(groups).not.to.have.length(0);
  expect(runner.held(), 'tensors left').to.equal(0);
}

describe('MaskGIT sampling as the official samplers do it, with their noise', () => {
  const { codebook_size, nclass } = json.config;
  for (const own of json.cases)
    it(`case ${own.id} of Halton-MaskGIT`, () =>
      expectReplayed(
        new RegExp(`^generate\\.${own.id}\\.`),
        network(codebook_size, nclass),
        storedPasses(`generate.${own.id}`, own.step, codebook_size, nclass),
        codebook_size + 1,
        (subject) => replayMaskedCases(subject, [own]),
      ));

  it('MaskGIT-pytorch 1.0', () =>
    expectReplayed(
      /^v1\.generate\./,
      network(json.v1.codebook_size, json.v1.nclass),
      storedPasses('v1.generate', json.v1.generate.step, json.v1.codebook_size, json.v1.nclass),
      json.v1.codebook_size + 1,
      (subject) => replayV1(subject, json.v1.generate),
    ));

  it('the original', () => {
    const { codebook_size: codes, num_class, generate } = json.google;
    return expectReplayed(
      /^google\.generate\./,
      network(codes, num_class),
      storedPasses('google.generate', generate.num_iter, codes, num_class),
      codes,
      (subject) => replayOriginalSampling(subject, generate),
    );
  });

  it('all tables', () =>
    expectReplayed(
      /^(schedule|halton|v1\.schedule|google\.schedule|google\.mask_len)\./,
      network(codebook_size, nclass),
      new Map(),
      0,
      async ({ checklist }) => replayTables(checklist),
    ));
});
