import { STEP_WEIGHTS, stepWeightRows } from '../../graphs/diffusion.js';
import type { DiffusionTables } from '../../graphs/diffusionTables.js';
import type { GraphRunner } from '../sampling/runner.js';
import {
  type DeviceTensor,
  floatTensor,
  type HostTensor,
  intTensor,
  type TargetTensor,
} from '../targets/target.js';

/** How tokens are drawn from their conditioning vectors. */
export interface MarDiffusion {
  readonly tables: DiffusionTables;
  /** Tokens that are drawn. */
  readonly rows: number;
  /** The scale of guidance, for which there are vectors of twice as many rows; none without guidance. */
  readonly guidance?: number;
  /** Weighs the noise of all draws but the first. */
  readonly temperature: number;
  /** Standard normal numbers `[rows, channels]`: draw 0 is what tokens start from, draw i the noise of step i. */
  readonly noise: (draw: number) => Promise<DeviceTensor>;
  readonly signal?: AbortSignal | undefined;
}

/** The inputs of a step that are the same for all rows. */
function stepInputs(
  { tables, guidance, temperature }: MarDiffusion,
  rows: readonly (readonly number[])[],
  step: number,
): Readonly<Record<string, HostTensor>> {
  return {
    timestep: intTensor([1], [tables.timesteps[step]!]),
    weights: floatTensor([1, STEP_WEIGHTS], rows[step]!),
    noise_scale: floatTensor([], [step === 0 ? 0 : temperature]),
    ...(guidance !== undefined && { guidance: floatTensor([], [guidance]) }),
  };
}

/**
 * Draws tokens: from noise alone, step by step to none (docs/SYSTEMS.md, MAR sampling). All but the result stays where the
 * target keeps it.
 * @param z `[rows, width]`, with guidance those with a condition, then those without
 * @returns `[rows, channels]`
 */
export async function drawMarTokens(
  run: GraphRunner,
  z: TargetTensor,
  diffusion: MarDiffusion,
): Promise<HostTensor> {
  const { tables, guidance, noise, signal } = diffusion;
  const graph = guidance === undefined ? 'denoise' : 'denoise_guided';
  const weights = stepWeightRows(tables);
  const steps = tables.betas.length;
  const held = new Set<DeviceTensor>();
  const hold = (tensor: DeviceTensor) => {
    held.add(tensor);
    return tensor;
  };
  const release = (tensor: DeviceTensor) => {
    held.delete(tensor);
    tensor.dispose();
  };
  try {
    let x = hold(await noise(0));
    for (let step = steps - 1; step >= 0; step--) {
      signal?.throwIfAborted();
      const added = hold(await noise(steps - step));
      const inputs = { x, z, noise: added, ...stepInputs(diffusion, weights, step) };
      const outputs = await run.run(graph, inputs, ['next.x']);
      release(x);
      release(added);
      x = hold(outputs['next.x']!);
    }
    const { dtype, shape, data } = await x.read();
    // What was read may share memory with the tensor that is freed here.
    return { dtype, shape, data: data.slice() };
  } finally {
    for (const tensor of held) tensor.dispose();
  }
}
