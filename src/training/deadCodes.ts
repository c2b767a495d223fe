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
import { type StatePart, stateName, type StepExtension } from './trainingStep.js';

const CODEBOOK = 'quantize.embedding.weight';

/** Name of the state that counts for how many steps each code has not been chosen, f32 `[codebookSize]`. */
export const CODE_AGE = 'code_age';

/**
 * Replaces codes that no latent has chosen for so many steps by latents of the batch, drawn at random (as in Jukebox,
 * Dhariwal et al., 2020), and forgets their moments. Adds the outputs `codebook_use`, the share of the codes chosen in
 * the step, and `restarted_codes`, how many were replaced.
 *
 * The loss graph must have the outputs `indices` i32 `[batch, positions]` and `latents` `[batch, positions,
 * codebookDim]`.
 * @param limit steps without use after which a code is replaced; infinite only counts
 */
export function restartDeadCodes(limit: number, seed: number): StepExtension {
  return ({ lossOutputs, step, outputs }) => {
    const { indices, latents } = lossOutputs;
    const codes = outputs[`next.${stateName('parameter', CODEBOOK)}`];
    if (!indices || !latents || !codes)
      throw new GraphError("the loss graph has no outputs 'indices' and 'latents', or no codebook");
    const [codebookSize, codebookDim] = codes.shape as [number, number];
    const chosen = reshape(indices, [-1]);
    const rows = reshape(latents, [-1, codebookDim]);
    const latentCount: Dim = chosen.shape[0]!;
    const perLatent = (value: number) => broadcastTo(reshape(scalar(value), [1]), [latentCount]);
    const perCode = (value: number) => broadcastTo(reshape(scalar(value), [1]), [codebookSize]);

    const used = greater(scatter(perCode(0), chosen, perLatent(1), { axis: 0, combine: 'add' }), 0);
    const age = input(CODE_AGE, 'f32', [codebookSize]);
    const grown = select(used, perCode(0), add(age, 1));
    const dead = lessOrEqual(limit, grown);

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
        codebook_use: mean(cast(used, 'f32')),
        restarted_codes: sum(cast(dead, 'f32')),
      },
    };
  };
}
