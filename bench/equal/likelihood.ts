import { codesLength, type Codes } from '../../src/codes.js';
import type { GeneratorModel } from '../../src/index.js';
import { randomOrder } from '../../src/sampling/order.js';
import { intTensor, type Target } from '../../src/targets/target.js';
import { heldOutLoss } from '../../test/support/modelMetrics.js';

const BATCH = 50;
const SEED = 1;

/** A held-out digit in a tokenizer's codes. */
export interface HeldOutCodes {
  readonly codes: Codes;
  readonly classId: number;
}

/** How the likelihood of a system's tokens is found; none where the network gives no probabilities of them. */
export const LIKELIHOODS: Readonly<Record<string, 'loss' | 'unmasking' | 'none'>> = {
  arpg: 'loss',
  llamagen: 'loss',
  randar: 'loss',
  par: 'loss',
  nar: 'loss',
  var: 'loss',
  maskgit: 'unmasking',
  mar: 'none',
};

/** Items in turn, so many at a time. */
function batchesOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, index) =>
    items.slice(index * BATCH, (index + 1) * BATCH),
  );
}

/** −log p of one of the logits of a row. */
function surprise(logits: ArrayLike<number>, start: number, size: number, index: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < size; at++) largest = Math.max(largest, logits[start + at]!);
  let sum = 0;
  for (let at = 0; at < size; at++) sum += Math.exp(logits[start + at]! - largest);
  return largest + Math.log(sum) - logits[start + index]!;
}

/** −log p a token where masks are replaced one at a time, in an order drawn for each digit: the order of ARPG's loss. */
async function unmaskingLoss(
  { system, config, weights }: GeneratorModel,
  digits: readonly HeldOutCodes[],
  target: Target,
): Promise<number> {
  const { grid, codes: shape } = system.config.facts(config);
  const positions = codesLength(shape, grid);
  const mask = shape.kind === 'indices' ? shape.vocabulary : 0;
  const executable = await target.compile(system.graphs(config).step!(), { weights });
  let total = 0;
  for (const part of batchesOf(digits.map((digit, draw) => ({ ...digit, draw })))) {
    const orders = part.map(({ draw }) => randomOrder(positions, SEED, draw));
    const classIds = intTensor(
      [part.length],
      part.map(({ classId }) => classId),
    );
    for (let known = 0; known < positions; known++) {
      const masked = part.flatMap(({ codes }, row) => {
        const seen = new Set(orders[row]!.slice(0, known));
        return Array.from(codes.tokens, (token, place) => (seen.has(place) ? token : mask));
      });
      const run = await executable.run({
        codes: intTensor([part.length, positions], masked),
        class_ids: classIds,
      });
      const { data, shape: sizes } = await run.logits!.read();
      const entries = sizes.at(-1)!;
      for (const [row, { codes }] of part.entries()) {
        const place = orders[row]![known]!;
        // The mask itself is never drawn, as the last of the entries.
        total += surprise(data, (row * positions + place) * entries, entries - 1, codes.tokens[place]!);
      }
    }
  }
  await executable.dispose();
  return total / (digits.length * positions);
}

/** Bits a token of held-out digits; undefined for systems that have none. */
export async function bitsPerToken(
  model: GeneratorModel,
  digits: readonly HeldOutCodes[],
  target: Target,
): Promise<number | undefined> {
  const way = LIKELIHOODS[model.system.name];
  if (way === undefined) throw new Error(`how is the likelihood of ${model.system.name} found?`);
  if (way === 'none') return undefined;
  // The loss of training is −log p of the tokens in the system's order, or in one drawn for each digit.
  const nats =
    way === 'loss'
      ? await heldOutLoss(
          model,
          digits.map(({ codes }) => codes),
          (index) => digits[index]!.classId,
        )
      : await unmaskingLoss(model, digits, target);
  return nats / Math.LN2;
}
