import type { Tokens } from '../codes.js';
import type { Grid } from '../../graphs/rotary.js';
import { GraphError } from '../graph/graphError.js';
import { isGuided, type PictureRequest, type SamplingOptions, type StepReport } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import type { StepOptions } from '../sampling/sampler.js';
import { filledSettings } from './settings.js';
import type { SystemDrawing } from './system.js';

/** What draws: a system's way, its network's configuration, and the token grid. */
interface Drawn {
  readonly drawing: SystemDrawing<object>;
  readonly config: object;
  readonly grid: Grid;
}

/** @throws GraphError unless all pictures of a batch have as many tokens to draw, and as many given. */
function requireEqualSizes([first, ...others]: readonly PictureRequest[]): {
  predicted: number;
  known: number;
} {
  const sizes = ({ order, known }: PictureRequest) => ({
    predicted: order.length,
    known: known?.keep.size ?? 0,
  });
  if (!first) throw new GraphError('a batch needs a picture');
  const { predicted, known } = sizes(first);
  for (const other of others)
    if (sizes(other).predicted !== predicted || sizes(other).known !== known)
      throw new GraphError('the pictures of a batch must have as many tokens to draw, and as many given');
  return { predicted, known };
}

/**
 * Draws a batch of pictures with whatever runs the graphs.
 * @returns each picture's tokens, as `Codes` has them
 */
export async function sampleBatch(
  run: GraphRunner,
  { drawing, config, grid }: Drawn,
  pictures: readonly PictureRequest[],
  options: SamplingOptions & StepOptions,
  onStep?: (report: StepReport) => void,
): Promise<readonly Tokens[]> {
  const { noGuidance } = drawing;
  const own = filledSettings(drawing.settings, options.own);
  const guided = isGuided({ ...options, noGuidance });
  const plan = drawing.plan(config, {
    ...requireEqualSizes(pictures),
    grid,
    steps: options.steps,
    schedule: options.schedule,
    own,
    rows: pictures.length * (guided ? 2 : 1),
    isGuided: guided,
  });
  const steps = drawing.sample(run, config, plan, pictures, grid, { ...options, own, noGuidance });
  try {
    for (;;) {
      const next = await steps.next();
      if (next.done) return next.value;
      onStep?.(next.value);
    }
  } finally {
    // Where a listener failed, what the loop holds is freed; at its end this does nothing.
    await steps.return([]);
  }
}
