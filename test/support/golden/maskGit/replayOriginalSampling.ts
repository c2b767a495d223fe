import { InputError } from '../../../../src/errors.js';
import { remaskedCounts } from '../../../../src/sampling/maskedSteps/counts.js';
import type { HostTensor } from '../../../../src/targets/target.js';
import { type MaskedCase, parseOriginalCase } from './cases.js';
import { type MaskedRun, type MaskedSubject, type PictureStep, runMasked } from './maskedRun.js';
import { replayedNoise } from './replayedNoise.js';
import { allOf, at, codesAfter, list, perStep, table } from './stored.js';

/** The place of a raster position in the original's sequences, which start with the class. */
const AFTER_CLASS = 1;
/** What stands for a masked token there. */
const ORIGINAL_MASK = -1;

/** Sequences of the original: the class counted on from the codes, then codes, masked where the mask's. */
const sequence = (codes: ArrayLike<number>, label: number, mask: number): readonly number[] => [
  mask + label,
  ...Array.from(codes, (code) => (code === mask ? ORIGINAL_MASK : code)),
];

/** What the original's keys hold of a picture, step by step. */
interface OriginalSteps {
  readonly run: MaskedRun;
  readonly label: number;
  /** Tokens that are unknown after each step. */
  readonly remasked: readonly number[];
}

/** Samples one picture of the original: how many tokens are unknown may differ from picture to picture. */
async function runOriginal(
  subject: MaskedSubject,
  own: MaskedCase,
  row: number,
  initial: HostTensor,
): Promise<OriginalSteps> {
  const { network } = subject;
  const mask = network.codebook_size;
  const codes = Int32Array.from({ length: network.input_size ** 2 }, (_, position) => {
    const [code] = Array.from(at(initial, row, position + AFTER_CLASS)) as [number];
    return code === ORIGINAL_MASK ? mask : code;
  });
  const unknown = allOf(codes.length).filter((position) => codes[position] === mask);
  const stored = (name: string) => perStep(subject, `google.generate.${name}`, own.steps);
  const [sample, choice] = [stored('gumbel_sample'), stored('gumbel_choice')];
  const noise = replayedNoise({
    exponentials: (step, position) =>
      Array.from(at(sample(step), row, position + AFTER_CLASS), (gumbel) => Math.exp(-gumbel)),
    gumbel: (step, position) => at(choice(step), row, position + AFTER_CLASS)[0]!,
    uniform: () => {
      throw new InputError('the original has no uniform noise');
    },
  });
  const label = own.labels[row]!;
  const alone = { ...own, labels: [label] };
  const run = await runMasked(subject, alone, { codes: [codes], orders: [unknown], noise: () => noise });
  return { run, label, remasked: remaskedCounts(unknown.length, own.steps, own.schedule) };
}

/** What one picture has in a step. */
function originalStep({ run, label, remasked }: OriginalSteps, step: number, mask: number) {
  const { fed, logits, pictures } = run.steps[step]!;
  const [picture] = pictures as [PictureStep];
  const { view, rule, draws } = picture;
  const codes = fed[0]!;
  const drawn = codesAfter(codes, { ...picture, taken: rule.candidates(view) });
  // After the last step, too, the original masks a token again, which the tokens do not show.
  const taken = rule.choose!({ ...view, after: view.order.length - remasked[step]! }, draws);
  return {
    logits,
    input: sequence(codes, label, mask),
    sampled: sequence(drawn, label, mask),
    next: sequence(codesAfter(codes, { ...picture, taken }), label, mask),
    remasked: remasked[step]!,
  };
}

/** Logits of pictures that were sampled one by one, together. */
function together(logits: readonly HostTensor[]): HostTensor {
  const [{ dtype, shape }] = logits as [HostTensor];
  const data = new Float32Array(logits.reduce((sum, own) => sum + own.data.length, 0));
  let filled = 0;
  for (const own of logits) {
    data.set(own.data, filled);
    filled += own.data.length;
  }
  return { dtype, shape: [logits.length, ...shape.slice(1)], data };
}

/** Checks the decoding steps of the original. @param generate how it samples, as the json has it */
export async function replayOriginalSampling(subject: MaskedSubject, generate: unknown): Promise<void> {
  const { checklist, source, network } = subject;
  if (checklist.asked(/^google\.generate\./).length === 0) return;
  const key = (name: string) => `google.generate.${name}`;
  const labels = Array.from(checklist.feed(key('labels')).data);
  const initial = checklist.feed(key('init'));
  const own = parseOriginalCase(generate, labels, source);
  const pictures: OriginalSteps[] = [];
  for (const row of labels.keys()) pictures.push(await runOriginal(subject, own, row, initial));
  const compare = (name: string, actual: HostTensor, quantity: 'indices' | 'states' = 'indices') =>
    checklist.compare(quantity, key(name.replace(/\.\d+$/, '')), key(name), actual);
  for (let step = 0; step < own.steps; step++) {
    const rows = pictures.map((picture) => originalStep(picture, step, network.codebook_size));
    compare(`raw_logits.${step}`, together(rows.map(({ logits }) => logits)), 'states');
    compare(`input.${step}`, table(rows.map(({ input }) => input)));
    compare(`sampled.${step}`, table(rows.map(({ sampled }) => sampled)));
    compare(`next.${step}`, table(rows.map(({ next }) => next)));
    compare(`mask_len.${step}`, list(rows.map(({ remasked }) => remasked)));
  }
  compare('tokens', table(pictures.map(({ run }) => run.tokens[0]!)));
}
