import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  type Dim,
  embedding,
  floor,
  greater,
  input,
  lessOrEqual,
  mean,
  minimum,
  multiply,
  randomUniform,
  reshape,
  scalar,
  scatter,
  select,
  subtract,
  sum,
  type Tensor,
  wordHalves,
} from '../dsl/index.js';
import { GraphError } from '../graph/graphError.js';
import { type StatePart, stateName } from './stepNames.js';
import type { StepExtension } from './trainingStep.js';

/** Name of the parameter with the codes. */
export const CODEBOOK = 'quantize.embedding.weight';

/** Name of the state that counts for how many steps each code has not been chosen, f32 `[codebookSize]`. */
export const CODE_AGE = 'code_age';

/**
 * Replaces codes that no latent has chosen for so many steps by latents of the batch, drawn at random (as in Jukebox,
 * Dhariwal et al., 2020), and forgets their moments. Adds the outputs `codebook_use`, the share of the codes chosen in
 * the step, and `restarted_codes`, how many were replaced.
 *
 * Where a batch comes in parts, the uses of all count; the replacements are latents of the last part.
 *
 * The loss graph must have the outputs `indices` i32 `[batch, positions]` and `latents` `[batch, positions,
 * codebookDim]`.
 * @param codebookSize number of codes
 * @param limit steps without use after which a code is replaced; infinite only counts, as it must where the codebook is
 *   frozen
 */
export function restartDeadCodes(codebookSize: number, limit: number, seed: number): StepExtension {
  const perCode = (value: number) => broadcastTo(reshape(scalar(value), [1]), [codebookSize]);
  /** How many latents chose each code. */
  const gather: StepExtension['gather'] = ({ indices }) => {
    if (!indices) throw new GraphError("the loss graph has no output 'indices'");
    const chosen = reshape(indices, [-1]);
    const ones = broadcastTo(reshape(scalar(1), [1]), [chosen.shape[0]!]);
    return { code_uses: scatter(perCode(0), chosen, ones, { axis: 0, combine: 'add' }) };
  };
  const extend: StepExtension['extend'] = ({ lossOutputs, gathered, step, outputs }) => {
    const used = greater(gathered.code_uses!, 0);
    const age = input(CODE_AGE, 'f32', [codebookSize]);
    const grown = select(used, perCode(0), add(age, 1));
    const use = { codebook_use: mean(cast(used, 'f32')) };
    if (limit === Number.POSITIVE_INFINITY)
      return {
        inputs: [age],
        outputs: { [`next.${CODE_AGE}`]: grown, ...use, restarted_codes: scalar(0) },
      };
    const dead = lessOrEqual(limit, grown);

    const { latents } = lossOutputs;
    const codes = outputs[`next.${stateName('parameter', CODEBOOK)}`];
    if (!latents || !codes)
      throw new GraphError("the loss graph has no output 'latents', or no codebook to train");
    const rows = reshape(latents, [-1, Number(codes.shape[1])]);
    const latentCount: Dim = rows.shape[0]!;
    const perLatent = (value: number) => broadcastTo(reshape(scalar(value), [1]), [latentCount]);

    const upperHalf = floor(multiply(step, 2 ** -16));
    const lowerHalf = subtract(step, multiply(upperHalf, 2 ** 16));
    const stepHalves = [lowerHalf, upperHalf].map((half) => reshape(cast(half, 'i32'), [1]));
    const key = concat(
      [constant('i32', [2], wordHalves([seed])), ...stepHalves, constant('i32', [4], wordHalves([0, 1]))],
      0,
    );
    const available = sum(perLatent(1));
    const drawn = floor(multiply(randomUniform(key, [codebookSize]), available));
    const replacements = embedding(rows, cast(minimum(drawn, subtract(available, 1)), 'i32'));

    const deadRows = broadcastTo(reshape(dead, [codebookSize, 1]), codes.shape);
    const replaced = (part: StatePart, value: Tensor): [string, Tensor][] => {
      const name = `next.${stateName(part, CODEBOOK)}`;
      const kept = outputs[name];
      return kept ? [[name, select(deadRows, value, kept)]] : [];
    };
    const zeros = broadcastTo(reshape(scalar(0), [1, 1]), codes.shape);
    return {
      inputs: [age],
      outputs: {
        ...Object.fromEntries([
          ...replaced('parameter', replacements),
          ...replaced('ema', replacements),
          ...replaced('first_moment', zeros),
          ...replaced('second_moment', zeros),
        ]),
        [`next.${CODE_AGE}`]: select(dead, perCode(0), grown),
        ...use,
        restarted_codes: sum(cast(dead, 'f32')),
      },
    };
  };
  return { gather, extend, reads: limit === Number.POSITIVE_INFINITY ? [] : ['latents'] };
}
