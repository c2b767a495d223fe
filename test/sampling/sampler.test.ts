import { expect } from 'chai';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { arpgConfig, arpgFields, arpgSampler, pictureOf } from '../support/arpg.js';
import { filterLogits } from '../../src/sampling/filter.js';
import { randomOrder } from '../../src/sampling/order.js';
import { pickToken } from '../../src/sampling/pickToken.js';
import { tokenWords } from '../../src/random/draws.js';
import type { PictureRequest, SamplingOptions } from '../../src/sampling/request.js';
import type { StepOptions } from '../../src/sampling/sampler.js';
import { tokensPerStep } from '../../src/sampling/schedule.js';
import { openPytorch } from '../support/checkpoints.js';
import { InputError, UsageError } from '../../src/errors.js';
import { readFloats, storedFloats } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor } from '../../src/targets/target.js';
import { expectClose, TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson, goldenNumbers, goldenPath } from '../support/golden.js';

const { config: official, cases } = goldenJson('arpg-tiny.json');
const config = arpgFields(official, 'arpg-tiny.json');
const golden = goldenNumbers('arpg-tiny.expected.safetensors');
const greedy: SamplingOptions & StepOptions = {
  steps: 1,
  schedule: 'arccos',
  seed: 0,
  guidance: 1,
  guidanceSchedule: 'constant',
  temperature: 1,
  topK: 1,
  topP: 1,
};

describe('sampling schedule', () => {
  for (const { id, num_iter, sample_schedule, tokens_per_step } of cases) {
    it(`case ${id}: ${num_iter} steps, ${sample_schedule}`, () => {
      expect(tokensPerStep(16, num_iter, sample_schedule)).to.deep.equal(tokens_per_step);
    });
  }

  it('predicts every token once for any number of steps', () => {
    for (const schedule of ['arccos', 'cosine'] as const) {
      for (let steps = 1; steps <= 64; steps++) {
        const counts = tokensPerStep(64, steps, schedule);
        expect(counts).to.have.length(steps);
        expect(Math.min(...counts)).to.be.at.least(1);
        expect(counts.reduce((a, b) => a + b)).to.equal(64);
      }
    }
  });

  it('refuses more steps than tokens', () => {
    expect(() => tokensPerStep(16, 17, 'arccos')).to.throw(RangeError, '1 to 16');
  });
});

// On onnx, the reference and gpujs:cpu, test/golden.test.ts replays the set.
for (const target of TESTED_TARGETS.slice(2)) {
  describe(`sampling on ${target.name}`, () => {
    for (const { id, class_labels, num_iter, sample_schedule, cfg_schedule, guidance_scale } of cases) {
      it(`case ${id}: raw logits of every step and tokens are the golden ones`, async () => {
        const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
        const sampler = arpgSampler(config, tensors, target);
        const order = Array.from(golden(`generate.${id}.order`).data);
        const pictures = class_labels.map((classId, index) => pictureOf(classId, index, order));
        const options = {
          ...greedy,
          ...{ steps: num_iter, schedule: sample_schedule },
          ...{ guidance: guidance_scale, guidanceSchedule: cfg_schedule },
        };
        const tokens = await sampler.sample(pictures, options, ({ step, logits }) => {
          expectClose(logits!, golden(`generate.${id}.raw_logits.${step}`), 1e-4, `step ${step}`);
        });
        expect(tokens.flatMap((row) => Array.from(row.tokens))).to.deep.equal(
          Array.from(golden(`generate.${id}.tokens`).data),
        );
        await sampler.dispose();
      });
    }
  });
}

describe('logit filters', () => {
  const logits = golden('filter.logits');
  for (const [topK, topP, suffix] of [
    [5, 1, 'top_k5.top_p1.0'],
    [0, 0.8, 'top_k0.top_p0.8'],
    [7, 0.6, 'top_k7.top_p0.6'],
    [0, 1, 'top_k0.top_p1.0'],
  ] as const) {
    it(`top-k ${topK}, top-p ${topP} are the golden ones`, () => {
      const [rows, vocabulary] = logits.shape as [number, number];
      const filtered = Array.from({ length: rows }, (_, row) =>
        filterLogits((logits.data as Float32Array).slice(row * vocabulary, (row + 1) * vocabulary), {
          topK,
          topP,
        }),
      );
      const actual = floatTensor(
        logits.shape,
        filtered.flatMap((row) => Array.from(row)),
      );
      expectClose(actual, golden(`filter.${suffix}`), 0, suffix);
    });
  }

  it('picks tokens in proportion to their softmax', () => {
    const shares = [0.1, 0.2, 0.3, 0.15, 0.05, 0.2];
    const counts = shares.map(() => 0);
    const draws = 20000;
    for (let image = 0; image < draws; image++)
      counts[pickToken(Float32Array.from(shares, Math.log), tokenWords(3, image, 7))]!++;
    for (const [token, share] of shares.entries()) expect(counts[token]! / draws).to.be.closeTo(share, 0.012);
  });

  it('never picks a dropped token', () => {
    const row = new Float32Array(9).fill(-Infinity);
    row[6] = -1000;
    for (let image = 0; image < 100; image++) expect(pickToken(row, tokenWords(1, image, 0))).to.equal(6);
  });

  it('rounding of the logits hardly ever changes a pick', () => {
    const row = Float32Array.from({ length: 4096 }, (_, token) => Math.sin(token * 12.9898));
    const nudged = row.map((logit, token) => logit + 1e-5 * Math.cos(token * 78.233));
    const changed = Array.from({ length: 500 }, (_, image) => image).filter(
      (image) => pickToken(row, tokenWords(1, image, 0)) !== pickToken(nudged, tokenWords(1, image, 0)),
    );
    expect(changed.length).to.be.at.most(1);
  });
});

describe('seeds', () => {
  it('an image is the same alone and inside a batch of 8', async () => {
    const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
    const sampler = arpgSampler(config, tensors, onnxTarget({ threads: 2 }));
    const options = { ...greedy, steps: 6, seed: 11, guidance: 3, topK: 0 };
    const picture = (index: number) => pictureOf(index % 10, index, randomOrder(16, 11, index));
    const together = await sampler.sample(
      Array.from({ length: 8 }, (_, index) => picture(index)),
      options,
    );
    for (const [index, tokens] of together.entries()) {
      const [alone] = await sampler.sample([picture(index)], options);
      expect(Array.from(alone!.tokens), `image ${index}`).to.deep.equal(Array.from(tokens.tokens));
    }
    expect(new Set(together.map(({ tokens }) => tokens.join())).size).to.equal(8);
    await sampler.dispose();
  });

  it('orders differ between images and seeds, and repeat', () => {
    expect(randomOrder(64, 1, 0)).to.deep.equal(randomOrder(64, 1, 0));
    expect(randomOrder(64, 1, 0)).to.not.deep.equal(randomOrder(64, 1, 1));
    expect(randomOrder(64, 1, 0)).to.not.deep.equal(randomOrder(64, 2, 0));
    expect([...randomOrder(64, 1, 0)].sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: 64 }, (_, i) => i),
    );
  });
});

describe('known tokens', () => {
  it('enter as in training: the first logits are those of the teacher-forced pass', async () => {
    const { tensors: weights } = await openPytorch(goldenPath('arpg-tiny.pt'));
    const known = [9, 2, 14, 7, 0];
    const others = Array.from({ length: 16 }, (_, position) => position).filter(
      (position) => !known.includes(position),
    );
    const tokens = Int32Array.from({ length: 16 }, (_, position) => (position * 7) % 32);
    for (const target of [onnxTarget({ threads: 2 }), referenceTarget]) {
      const teacher = await target.compile(arpgTeacherForced(arpgConfig(config)), { weights });
      const sampler = arpgSampler(config, weights, target);
      const picture: PictureRequest = {
        ...pictureOf(4, 0, others),
        known: { tokens, keep: new Set(known) },
      };
      let first: HostTensor | undefined;
      await sampler.sample([picture], greedy, ({ logits }) => {
        first = { ...logits!, data: logits!.data.slice() };
      });
      for (const [query, position] of others.entries()) {
        const order = [...known, position, ...others.filter((other) => other !== position)];
        const { logits } = await teacher.run({
          tokens: intTensor([1, 16], tokens),
          class_ids: intTensor([1], [4]),
          orders: intTensor([1, 16], order),
        });
        const forced = (await logits!.read()).data.slice(known.length * 32, (known.length + 1) * 32);
        const own = first!.data.slice(query * 32, (query + 1) * 32);
        for (const [token, value] of own.entries()) expect(value).to.be.closeTo(forced[token]!, 1e-4);
      }
      await sampler.dispose();
      await teacher.dispose();
    }
  });
});

describe('logits that are not finite', () => {
  const pictures = [pictureOf(3, 0, randomOrder(16, 1, 0))];
  const failureOf = async (
    change: Readonly<Record<string, number>>,
    options: Partial<SamplingOptions>,
    target = onnxTarget({ threads: 2 }),
  ): Promise<unknown> => {
    const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
    const weights = new Map(tensors);
    for (const [name, value] of Object.entries(change)) {
      const { shape } = tensors.get(name)!;
      weights.set(name, storedFloats(shape, readFloats(tensors.get(name)!).slice().fill(value, 0, 1)));
    }
    const sampler = arpgSampler(config, weights, target);
    const failure = await sampler.sample(pictures, { ...greedy, steps: 4, ...options }).then(
      (tokens) => tokens,
      (error: unknown) => error,
    );
    await sampler.dispose();
    return failure;
  };

  for (const target of TESTED_TARGETS.slice(0, 2))
    it(`in the weights are an error that names the step on ${target.name}`, async () => {
      for (const value of [Number.NaN, Infinity]) {
        for (const guidance of [1, 4]) {
          const failure = await failureOf({ 'head.weight': value }, { guidance, topK: 0 }, target);
          expect(failure).to.be.instanceOf(InputError);
          expect((failure as Error).message).to.include('step 1 of 4: the logits are not finite');
        }
      }
    });

  it('made by settings are an error that names them', async () => {
    for (const options of [{ guidance: 1e308 }, { guidance: 1e38, temperature: 1e-300 }]) {
      const failure = await failureOf({}, { ...options, topK: 0 });
      expect(failure).to.be.instanceOf(UsageError);
      expect((failure as Error).message).to.include(
        `step 1 of 4: guidance ${options.guidance} at temperature`,
      );
    }
    expect(await failureOf({}, { temperature: 1e-300 })).to.deep.equal(await failureOf({}, {}));
  });
});
