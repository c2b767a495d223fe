import type { JSONSchemaType } from 'ajv';
import { spacedDiffusion, spacedTimesteps } from '../../../../graphs/diffusionTables.js';
import { classCondition, NO_CONDITION } from '../../../../src/conditions/condition.js';
import { validator } from '../../../../src/jsonFile.js';
import { GUIDANCE_SCHEDULES, type GuidanceSchedule } from '../../../../src/sampling/guidance.js';
import { createGraphRunner } from '../../../../src/sampling/runner.js';
import { system as mar } from '../../../../src/systems/mar.js';
import { drawMarTokens } from '../../../../src/systems/marDiffusion.js';
import { sampleBatch } from '../../../../src/systems/sampleBatch.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import { type FedNoise, noiseRunner, type RecordedCall } from './noiseRunner.js';
import type { MarSubject } from './subject.js';

/** A generation case with the fields of the official sampler. */
interface MarCase {
  readonly id: number;
  readonly num_sampling_steps?: string;
  readonly num_iter: number;
  readonly cfg: number;
  readonly cfg_schedule: GuidanceSchedule;
  readonly temperature: number;
  /** Null without classes. */
  readonly class_labels?: readonly number[] | null;
  /** Pictures, where there are no classes. */
  readonly bsz?: number;
}

const schema: JSONSchemaType<MarCase> = {
  type: 'object',
  required: ['id', 'num_iter', 'cfg'],
  properties: {
    id: { type: 'integer' },
    num_sampling_steps: { type: 'string', nullable: true },
    num_iter: { type: 'integer', minimum: 1 },
    cfg: { type: 'number', minimum: 0 },
    cfg_schedule: { type: 'string', enum: GUIDANCE_SCHEDULES, default: 'linear' },
    temperature: { type: 'number', minimum: 0, default: 1 },
    class_labels: { type: 'array', items: { type: 'integer' }, nullable: true },
    bsz: { type: 'integer', minimum: 1, nullable: true },
  },
};
const parse = validator(schema);

/** The noise of a case, by draw, picture and position. */
function noiseOf({ checklist }: MarSubject, prefix: string): FedNoise {
  const initial = checklist.feed(`${prefix}.noise.initial`);
  const steps = checklist.feed(`${prefix}.noise.steps`);
  const channels = initial.shape.at(-1)!;
  const positions = initial.shape.length === 3 ? initial.shape[1]! : 1;
  return (draw, picture, position) => {
    const within = (picture * positions + position) * channels;
    const start = draw === 0 ? within : (draw - 1) * initial.data.length + within;
    return (draw === 0 ? initial : steps).data.slice(start, start + channels);
  };
}

/** Tensors of one shape as one, under a new axis. */
function stacked(tensors: readonly HostTensor[]): HostTensor {
  const { shape } = tensors[0]!;
  return floatTensor(
    [tensors.length, ...shape],
    tensors.flatMap(({ data }) => Array.from(data)),
  );
}

/** What one step of a batch called. */
interface StepCalls {
  readonly encode: RecordedCall;
  readonly denoise: readonly RecordedCall[];
}

function stepsOf(calls: readonly RecordedCall[]): readonly StepCalls[] {
  const starts = calls.flatMap(({ graph }, at) => (graph === 'encode' ? [at] : []));
  return starts.map((start, step) => ({
    encode: calls[start]!,
    denoise: calls.slice(start + 1, starts[step + 1] ?? calls.length),
  }));
}

/** `[pictures, positions, channels]` → `[pictures, channels, side, side]` */
function latentOf(tokens: readonly Float32Array[], channels: number): HostTensor {
  const positions = tokens[0]!.length / channels;
  const side = Math.sqrt(positions);
  const turned = tokens.flatMap((own) =>
    Array.from(
      { length: own.length },
      (_, at) => own[(at % positions) * channels + Math.floor(at / positions)]!,
    ),
  );
  return floatTensor([tokens.length, channels, side, side], turned);
}

/** Checks a case: what each step asks for, predicts and draws, and the result. */
async function replayCase(subject: MarSubject, own: MarCase): Promise<void> {
  const { checklist, fields, weights, target } = subject;
  const group = `generate.${own.id}`;
  if (checklist.asked(new RegExp(`^generate\\.${own.id}\\.`)).length === 0) return;
  const { vae_embed_dim: channels, class_num } = fields;
  const orders = checklist.feed(`${group}.orders`);
  const [pictures, positions] = orders.shape as [number, number];
  const labels = own.class_labels ?? new Array<number>(pictures).fill(class_num);
  const diffusionSteps = own.num_sampling_steps ?? fields.num_sampling_steps;
  const timesteps = spacedTimesteps(diffusionSteps);
  checklist.compare(
    'indices',
    `${group}.timesteps`,
    `${group}.timesteps`,
    intTensor([timesteps.length], timesteps),
  );
  const requests = labels.map((label, index) => ({
    condition: label === class_num ? NO_CONDITION : classCondition(label),
    index,
    // Official orders are used up from their end.
    order: Array.from(orders.data.slice(index * positions, (index + 1) * positions)).toReversed(),
  }));
  const graphs = createGraphRunner(mar.graphs(fields), weights, target);
  const runner = noiseRunner(graphs, channels, noiseOf(subject, group));
  const after: Float32Array[][] = [];
  try {
    const grid = mar.config.facts(fields).grid;
    await sampleBatch(
      runner,
      { drawing: mar, config: fields, grid },
      requests,
      {
        ...{ seed: 0, steps: own.num_iter, schedule: '', temperature: own.temperature, topK: 0, topP: 1 },
        ...{ guidance: own.cfg, guidanceSchedule: own.cfg_schedule, own: { diffusionSteps } },
      },
      ({ tokens }) => after.push(tokens.map((vectors) => Float32Array.from(vectors))),
    );
  } finally {
    await graphs.dispose();
  }
  compareCase(subject, group, stepsOf(runner.calls), after);
}

/** Compares what was recorded of a case. */
function compareCase(
  { checklist, fields: { vae_embed_dim: channels } }: MarSubject,
  group: string,
  steps: readonly StepCalls[],
  after: readonly (readonly Float32Array[])[],
): void {
  const pictures = after[0]!.length;
  const positions = after[0]![0]!.length / channels;
  let left = positions;
  const [lengths, scales]: [number[], number[]] = [[], []];
  for (const [step, { encode, denoise }] of steps.entries()) {
    const count = encode.inputs.queries!.shape[1]!;
    const queries = Array.from({ length: pictures }, (_, picture) =>
      Array.from(encode.inputs.queries!.data.slice(picture * count, (picture + 1) * count)),
    );
    left -= count;
    // The official code counts one more in the last step.
    lengths.push(Math.max(1, left));
    scales.push(denoise[0]!.inputs.guidance?.data[0] ?? 1);
    const mask = queries.flatMap((own) =>
      Array.from({ length: positions }, (_, position) => Number(own.includes(position))),
    );
    const drawn = queries.flatMap((own, picture) =>
      own.flatMap((position) =>
        Array.from(after[step]![picture]!.slice(position * channels, (position + 1) * channels)),
      ),
    );
    checklist.compare(
      'indices',
      `${group}.predict_mask`,
      `${group}.predict_mask.${step}`,
      intTensor([pictures, positions], mask),
    );
    checklist.compare('logits', `${group}.z`, `${group}.z.${step}`, encode.outputs.z!);
    const raw = stacked(denoise.map(({ outputs }) => outputs.prediction!));
    checklist.compare('predictions', `${group}.raw_logits`, `${group}.raw_logits.${step}`, raw);
    const sampled = floatTensor([pictures * count, channels], drawn);
    checklist.compare('vectors', `${group}.sampled`, `${group}.sampled.${step}`, sampled);
  }
  const tokens = after.at(-1)!;
  checklist.compare(
    'indices',
    `${group}.mask_len`,
    `${group}.mask_len`,
    intTensor([lengths.length], lengths),
  );
  checklist.compare('shares', `${group}.cfg`, `${group}.cfg`, floatTensor([scales.length], scales));
  checklist.compare('vectors', `${group}.latent`, `${group}.latent`, latentOf(tokens, channels));
  const all = floatTensor(
    [pictures, positions, channels],
    tokens.flatMap((own) => Array.from(own)),
  );
  checklist.compare('vectors', `${group}.token_latents`, `${group}.token_latents`, all);
}

/** The steps of the cases of tokens by themselves. */
const DIFFUSIONS: Readonly<Record<string, string>> = { plain: '100', guided: 'ddim25' };

/** Checks tokens drawn from vectors that are given. */
async function replayDiffusions(subject: MarSubject): Promise<void> {
  const { checklist, fields, weights, target } = subject;
  for (const { key, name } of checklist.asked(/^diffloss_sample\.([^.]+)\.sampled$/)) {
    const group = `diffloss_sample.${name}`;
    const [guidance, temperature] = ['cfg', 'temperature'].map(
      (number) => checklist.feed(`${group}.${number}`).data[0]!,
    ) as [number, number];
    const timesteps = spacedTimesteps(DIFFUSIONS[name]!);
    checklist.compare(
      'indices',
      `${group}.timesteps`,
      `${group}.timesteps`,
      intTensor([timesteps.length], timesteps),
    );
    const noise = noiseOf(subject, group);
    const z = checklist.feed(`${group}.z`);
    const rows = checklist.feed(`${group}.noise.initial`).shape[0]!;
    const graphs = createGraphRunner(mar.graphs(fields), weights, target);
    const places = intTensor([rows, 4], Array.from({ length: rows }, (_, row) => [0, 0, row, 0]).flat());
    const runner = noiseRunner(graphs, fields.vae_embed_dim, noise);
    const keyOf = (draw: number) => intTensor([6], [0, 0, 0, 0, 256 * draw, 0]);
    try {
      const drawn = await drawMarTokens(runner, z, {
        tables: spacedDiffusion(timesteps),
        rows,
        temperature,
        ...(guidance !== 1 && { guidance }),
        noise: async (draw) => (await runner.run('noise', { key: keyOf(draw), places })).noise!,
      });
      checklist.compare('vectors', key, key, drawn);
    } finally {
      await graphs.dispose();
    }
  }
}

/** Checks the cases. */
export async function replaySampling(subject: MarSubject, cases: readonly unknown[]): Promise<void> {
  await replayDiffusions(subject);
  for (const own of cases) await replayCase(subject, parse(own, subject.source));
}
