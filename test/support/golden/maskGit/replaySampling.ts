import { InputError } from '../../../../src/errors.js';
import { haltonOrder, rolled } from '../../../../src/sampling/maskedSteps/halton.js';
import type { HostTensor } from '../../../../src/targets/target.js';
import { type MaskedCase, parseMaskedCase } from './cases.js';
import {
  type MaskedRun,
  type MaskedStart,
  type MaskedSubject,
  type PictureStep,
  runMasked,
} from './maskedRun.js';
import { rankingAt, replayedNoise } from './replayedNoise.js';
import { allOf, at, codesAfter, list, perStep, table } from './stored.js';

/** What a case starts with: nothing known, or `init_code`; rolled orders; and the stored noise. */
function startOf(subject: MaskedSubject, own: MaskedCase, prefix: string): MaskedStart {
  const { checklist, network } = subject;
  const positions = network.input_size ** 2;
  const { labels, options, steps } = own;
  const stored = (name: string) => perStep(subject, `${prefix}.${name}`, steps);
  const initial = checklist.has(`${prefix}.init_code`) ? checklist.feed(`${prefix}.init_code`) : undefined;
  const rolls = options.own.roll === true ? checklist.feed(`${prefix}.roll`) : undefined;
  const isOrdered = options.own.sampler === 'halton';
  const order = isOrdered
    ? haltonOrder({ height: network.input_size, width: network.input_size })
    : allOf(positions);
  const [exp, gumbel, uniform] = [stored('exp'), stored('gumbel'), stored('uniform')];
  return {
    codes: labels.map((_, row) =>
      initial
        ? Int32Array.from({ length: positions }, (_, position) => at(initial, row, position)[0]!)
        : new Int32Array(positions).fill(network.codebook_size),
    ),
    orders: labels.map((_, row) => (rolls ? rolled(order, rolls.data[row]!) : order)),
    noise: (picture, logits, scale) =>
      replayedNoise({
        exponentials: (step, position) => at(exp(step), picture, position),
        gumbel: (step, position) => at(gumbel(step), picture, position)[0]!,
        uniform: (step, position) => at(uniform(step), picture, position)[0]!,
        ...(options.topK > 0 && {
          ranking: (step: number, position: number) =>
            rankingAt(logits[step]!, { picture, pictures: labels.length, position }, scale(step)),
        }),
      }),
  };
}

/** What the key `mask` holds of a picture after a step; each sampler means something else by it. */
function maskAfter(sampler: unknown, fed: Int32Array, own: PictureStep, shown: Int32Array, mask: number) {
  if (sampler === 'halton')
    return Int32Array.from(fed, (_, position) => Number(own.taken.includes(position)));
  if (sampler === 'v1') return shown.map((code) => Number(code < 0));
  return codesAfter(fed, own).map((code) => Number(code === mask));
}

/** Compares everything that a case stores of a run. */
function compareRun(
  { checklist, network }: MaskedSubject,
  own: MaskedCase,
  prefix: string,
  run: MaskedRun,
): void {
  const compare = (quantity: 'indices' | 'states', name: string, step: number, actual: HostTensor) => {
    const key = `${prefix}.${name}.${step}`;
    if (checklist.has(key)) checklist.compare(quantity, `${prefix}.${name}`, key, actual);
  };
  for (const [step, { fed, logits, pictures, shown }] of run.steps.entries()) {
    const everywhere = pictures.map(({ draws }) =>
      allOf(draws.size).map((position) => draws.get(position)!.code),
    );
    const masks = pictures.map((picture, row) =>
      maskAfter(own.options.own.sampler, fed[row]!, picture, shown[row]!, network.codebook_size),
    );
    compare('indices', 'input', step, table(fed));
    compare('states', 'raw_logits', step, logits);
    compare('indices', 'pred', step, table(everywhere));
    compare('indices', 'mask', step, table(masks));
  }
  const whole = (name: string, actual: HostTensor) => {
    if (checklist.has(`${prefix}.${name}`))
      checklist.compare('indices', `${prefix}.${name}`, `${prefix}.${name}`, actual);
  };
  whole('labels', list(own.labels));
  whole('schedule', list(run.plan.steps.map(({ predicts }) => predicts)));
  whole('tokens', table(run.tokens));
}

async function replayCase(subject: MaskedSubject, own: MaskedCase, prefix: string): Promise<void> {
  const { checklist, source } = subject;
  if (!checklist.has(`${prefix}.tokens`))
    throw new InputError(`${source}: there are no numbers of ${prefix}`);
  if (checklist.asked(new RegExp(`^${prefix.replaceAll('.', '\\.')}\\.`)).length === 0) return;
  compareRun(subject, own, prefix, await runMasked(subject, own, startOf(subject, own, prefix)));
}

/** Checks the generation cases of Halton-MaskGIT: what is fed, predicted, drawn and chosen in each step. */
export async function replayMaskedCases(subject: MaskedSubject, cases: readonly unknown[]): Promise<void> {
  for (const [index, value] of cases.entries()) {
    const id = (value as { readonly id?: unknown } | null)?.id ?? index;
    await replayCase(subject, parseMaskedCase(value, 'confidence', subject.source), `generate.${String(id)}`);
  }
}

/** Checks the case of MaskGIT-pytorch 1.0. @param generate how it samples, as the json has it */
export async function replayV1(subject: MaskedSubject, generate: unknown): Promise<void> {
  await replayCase(subject, parseMaskedCase(generate, 'v1', subject.source), 'v1.generate');
}
