import { multiScaleDecoder, multiScaleLatentDecoder } from '../../../../graphs/multiScaleVq.js';
import { guideInto } from '../../../../src/sampling/guidance.js';
import { keptCodes } from '../../../../src/sampling/scaleSteps/keptCodes.js';
import { scaleSteps } from '../../../../src/sampling/scaleSteps/scaleSteps.js';
import { createGraphRunner, type GraphRunner } from '../../../../src/sampling/runner.js';
import type { PictureRequest, SamplingOptions } from '../../../../src/sampling/request.js';
import { NO_CONDITION, type Condition } from '../../../../src/conditions/condition.js';
import { system } from '../../../../src/systems/var.js';
import { scaleLoop, scalePicture } from '../../../../src/systems/varSampling.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import { multiScaleEncoder } from '../../../../graphs/multiScaleVq.js';
import type { Tokens } from '../../../../src/codes.js';
import { runOnce } from '../subject.js';
import { editMask } from './editMask.js';
import { topPOf } from './replayTables.js';
import { parseVarCase, type VarCase } from './sections.js';
import type { VarSubject } from './subject.js';

/** A run of the program's loop. */
interface Run {
  /** `[rows, places, codes]`, scale by scale. */
  readonly logits: readonly HostTensor[];
  /** What each scale but the first is told, of all rows. */
  readonly nextInputs: readonly HostTensor[];
  readonly result: readonly Tokens[];
}

/** The first rows of a tensor. */
function firstRows({ dtype, shape, data }: HostTensor, rows: number): HostTensor {
  const length = (data.length / shape[0]!) * rows;
  return { dtype, shape: [rows, ...shape.slice(1)], data: data.slice(0, length) };
}

/** Keeps what goes through a runner: logits, and what scales are told. */
function recording(runner: GraphRunner, logits: HostTensor[], nextInputs: HostTensor[]): GraphRunner {
  return {
    caches: (graph) => runner.caches(graph),
    run: async (graph, inputs, outputs) => {
      const results = await runner.run(graph, inputs, outputs);
      for (const [name, kept] of [
        ['logits', logits],
        ['next_input', nextInputs],
      ] as const) {
        if (!results[name]) continue;
        const { dtype, shape, data } = await results[name].read();
        kept.push({ dtype, shape, data: data.slice() });
      }
      return results;
    },
  };
}

/** The rows of a table of two axes. */
function rowsOfTable({ shape, data }: HostTensor): readonly Int32Array[] {
  const [rows, width] = shape as readonly [number, number];
  return Array.from({ length: rows }, (_, row) =>
    Int32Array.from(data.subarray(row * width, (row + 1) * width)),
  );
}

/** What of the pictures is given: codes that the tokenizer makes of the stored ones, and the mask. */
function givenOf({ checklist }: VarSubject, prefix: string, { edit }: VarCase, side: number) {
  if (!edit) return undefined;
  const tokens = rowsOfTable(checklist.feed(`${prefix}.input_tokens`));
  const mask = editMask(edit, side);
  const keep = new Set(Array.from(mask.data.keys()).filter((position) => mask.data[position] === 1));
  return { tokens, mask, keep };
}

/** The official code's own draw: the most likely code of every place, whether it is kept or not. */
function likeliest(
  logits: readonly HostTensor[],
  pictures: number,
  scale: (progress: number) => number,
): HostTensor {
  const all = Array.from({ length: pictures }, (_, picture) =>
    logits.flatMap(({ shape, data }, step) => {
      const [, places, codes] = shape as readonly [number, number, number];
      return Array.from({ length: places }, (_place, place) => {
        const row = (which: number) => {
          const start = (which * places + place) * codes;
          return (data as Float32Array).subarray(start, start + codes);
        };
        const guided = new Float32Array(codes);
        guideInto(row(picture), row(picture + pictures), scale(step / (logits.length - 1)), guided);
        return guided.indexOf(Math.max(...guided));
      });
    }),
  );
  return intTensor([pictures, all[0]!.length], all.flat());
}

/** Noise of the Gumbel distribution that the set stores, scale by scale. */
function storedGumbel({ checklist, network }: VarSubject, prefix: string) {
  const { sides, codebookSize } = network.quantizer;
  const stored = sides.map((_, scale) => checklist.feed(`${prefix}.gumbel.${scale}`));
  return (picture: number, position: number): ArrayLike<number> => {
    let start = 0;
    for (const [scale, side] of sides.entries()) {
      if (position < start + side ** 2) {
        const at = (picture * side ** 2 + position - start) * codebookSize;
        return stored[scale]!.data.subarray(at, at + codebookSize);
      }
      start += side ** 2;
    }
    throw new RangeError(`there is no place ${position}`);
  };
}

async function runCase(subject: VarSubject, own: VarCase, prefix: string, options: SamplingOptions) {
  const { checklist, fields, network, weights, target } = subject;
  const side = network.quantizer.sides.at(-1)!;
  const given = givenOf(subject, prefix, own, side);
  const conditionOf = (label: number): Condition =>
    label === fields.num_classes ? NO_CONDITION : { kind: 'class', index: label };
  const requests = own.class_labels.map(
    (label, index): PictureRequest => ({
      condition: conditionOf(label),
      index,
      order: [],
      ...(given && { known: { tokens: given.tokens[index]!, keep: given.keep } }),
    }),
  );
  const gumbel = own.more_smooth ? storedGumbel(subject, prefix) : undefined;
  const pictures = requests.map((request, picture) => {
    const start = scalePicture(request, fields, options);
    if (!gumbel) return start;
    return {
      ...start,
      noise: { ...start.noise, gumbel: (position: number) => gumbel(picture, position) },
    };
  });
  const logits: HostTensor[] = [];
  const nextInputs: HostTensor[] = [];
  const runner = createGraphRunner(system.graphs(fields), weights, target);
  const loop = scaleLoop(fields, requests, options);
  try {
    const steps = scaleSteps(recording(runner, logits, nextInputs), pictures, options, loop);
    let next = await steps.next();
    while (!next.done) next = await steps.next();
    const run: Run = { logits, nextInputs, result: next.value };
    compareRun(subject, own, prefix, run, loop.scale);
    await comparePictures(subject, own, prefix, run.result);
  } finally {
    await runner.dispose();
  }
  for (const { key } of checklist.asked(new RegExp(`^${prefix}\\.(edit_mask|keep)$`)))
    if (given)
      checklist.compare(
        'indices',
        key,
        key,
        key.endsWith('keep')
          ? intTensor(
              [fields.patch_nums.reduce((sum, own) => sum + own ** 2, 0)],
              Array.from(keptCodes(given.mask.data, fields.patch_nums)),
            )
          : given.mask,
      );
  for (const { key } of checklist.asked(new RegExp(`^${prefix}\\.input_tokens$`))) {
    const image = checklist.feed(`${prefix}.input_image`);
    const encoder = multiScaleEncoder(subject.tokenizer);
    checklist.compare('indices', key, key, (await runOnce(target, encoder, weights, { image })).indices!);
  }
}

/** Compares what went through the network, and the codes. */
function compareRun(
  { checklist }: VarSubject,
  own: VarCase,
  prefix: string,
  { logits, nextInputs, result }: Run,
  scale: (progress: number) => number,
): void {
  const pictures = own.class_labels.length;
  const quantity = own.more_smooth ? 'mixtures' : 'precise';
  const labels = `${prefix}.labels`;
  if (checklist.has(labels))
    checklist.compare('indices', labels, labels, intTensor([pictures], own.class_labels));
  for (const [step, tensor] of logits.entries())
    checklist.compare(quantity, `${prefix}.raw_logits`, `${prefix}.raw_logits.${step}`, tensor);
  for (const [step, tensor] of nextInputs.entries())
    checklist.compare(
      own.more_smooth ? 'mixtures' : 'preciseImages',
      `${prefix}.next_input`,
      `${prefix}.next_input.${step}`,
      firstRows(tensor, pictures),
    );
  const tokens = `${prefix}.tokens`;
  if (checklist.has(tokens)) checklist.compare('indices', tokens, tokens, likeliest(logits, pictures, scale));
  const used = own.edit ? `${prefix}.tokens_used` : tokens;
  if (checklist.has(used))
    checklist.compare(
      'indices',
      used,
      used,
      intTensor(
        [pictures, result[0]!.length],
        result.flatMap((codes) => Array.from(codes)),
      ),
    );
}

/** From [−1, 1] to [0, 1]. */
const inUnitRange = ({ shape, data }: HostTensor): HostTensor =>
  floatTensor(
    shape,
    Array.from(data, (value) => (value + 1) / 2),
  );

/** `[batch, positions, channels]` → `[batch, channels, side, side]` */
function asMaps(vectors: readonly Tokens[], channels: number, side: number): HostTensor {
  const values = vectors.flatMap((own) =>
    Array.from({ length: own.length }, (_, at) => {
      const [channel, position] = [Math.floor(at / side ** 2), at % side ** 2];
      return own[position * channels + channel]!;
    }),
  );
  return floatTensor([vectors.length, channels, side, side], values);
}

/** Compares the latent and the pictures. */
async function comparePictures(
  { checklist, network, tokenizer, weights, target }: VarSubject,
  own: VarCase,
  prefix: string,
  result: readonly Tokens[],
): Promise<void> {
  const { codebookDim, sides } = network.quantizer;
  const side = sides.at(-1)!;
  const pictures = result.length;
  const quantity = own.more_smooth ? 'mixtures' : 'preciseImages';
  const compare = (name: string, actual: HostTensor) => {
    const key = `${prefix}.${name}`;
    if (checklist.has(key)) checklist.compare(quantity, key, key, actual);
  };
  if (own.more_smooth) {
    const shape = [pictures, side, side, codebookDim];
    const vectors = floatTensor(
      shape,
      result.flatMap((latent) => Array.from(latent)),
    );
    const { image } = await runOnce(target, multiScaleLatentDecoder(tokenizer), weights, { vectors });
    compare('f_hat', asMaps(result, codebookDim, side));
    compare('image', inUnitRange(image!));
    return;
  }
  const indices = intTensor(
    [pictures, result[0]!.length],
    result.flatMap((codes) => Array.from(codes)),
  );
  const { latent, image } = await runOnce(target, multiScaleDecoder(tokenizer), weights, { indices });
  compare('f_hat', latent!);
  compare('image', inUnitRange(image!));
}

/** Checks generation cases with the program's own loop. */
export async function replayGeneration(subject: VarSubject, cases: readonly unknown[]): Promise<void> {
  const { checklist, source } = subject;
  for (const value of cases) {
    const own = parseVarCase(value, source);
    const prefix = `generate.${own.id}`;
    if (checklist.asked(new RegExp(`^${prefix}\\.`)).length === 0) continue;
    const options: SamplingOptions = {
      ...{ seed: 0, noGuidance: 0, temperature: 1, guidanceSchedule: 'linear' },
      ...{ guidance: own.cfg, topK: own.top_k, topP: topPOf(own.top_p) },
      own: { moreSmooth: own.more_smooth },
    };
    await runCase(subject, own, prefix, options);
  }
}
