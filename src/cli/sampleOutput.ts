import {
  ANIMATION_FORMATS,
  type Codes,
  decodePartial,
  encodeAnimation,
  formatTokenLine,
  lineOfCodes,
  type Model,
  type PictureNotes,
  type RgbImage,
  type SampledTokenSet,
} from '../index.js';
import { arrange, scaledAll, type WrittenFile, writeFrames, writeImages } from './imageOutput.js';
import type { SamplePlan } from './samplePlan.js';
import type { SampleRequest } from './sampleRequest.js';
import { STREAM, writeOutput } from './streams.js';

/** What was drawn, to be written together. */
export interface JointPictures {
  readonly request: SampleRequest;
  readonly plan: SamplePlan;
  readonly sampled: SampledTokenSet;
  /** Step by step, each picture's codes so far. */
  readonly history: readonly (readonly Codes[])[];
  /** What the file of a grid or of moving pictures says besides. */
  readonly notes?: PictureNotes | undefined;
}

async function framesOf(model: Model, { request, history }: JointPictures): Promise<readonly RgbImage[]> {
  const frames: RgbImage[] = [];
  for (const step of history) {
    const parts: RgbImage[] = [];
    for (const codes of step) parts.push(await decodePartial(model.tokenizer, codes));
    frames.push(arrange(parts));
  }
  return scaledAll(frames, request.choice.scale);
}

/** The file that was written; none for stdout. */
function fileAt(output: string | undefined, size?: WrittenFile['size']): readonly WrittenFile[] {
  return output === undefined || output === STREAM ? [] : [{ path: output, ...(size && { size }) }];
}

/** Writes tokens as JSON lines. */
async function writeTokens(
  { pictures }: SampledTokenSet,
  output: string | undefined,
): Promise<readonly WrittenFile[]> {
  const lines = pictures.map(({ codes, classId }) =>
    formatTokenLine({
      ...lineOfCodes(codes),
      ...(classId !== null && { class_id: classId }),
    }),
  );
  await writeOutput(output, lines.join(''));
  return fileAt(output);
}

/**
 * Writes what does not go to a file for each picture as it is drawn: tokens, the steps, moving pictures, grids.
 * @returns the files of the steps, and the others
 */
export async function writeJointly(
  model: Model,
  drawn: JointPictures,
): Promise<{ readonly frames: readonly string[]; readonly others: readonly WrittenFile[] }> {
  const { request, plan, sampled, notes } = drawn;
  const { choice, list, flags } = request;
  const { output } = flags;
  if (choice.format === 'tokens') return { frames: [], others: await writeTokens(sampled, output) };
  const frames = await framesOf(model, drawn);
  const written = flags.frames === undefined ? [] : await writeFrames(flags.frames, frames);
  const animation = ANIMATION_FORMATS.find((moving) => moving === choice.format);
  if (animation) {
    await writeOutput(output, await encodeAnimation(frames, animation, notes));
    const { width, height } = frames[0]!;
    return { frames: written, others: fileAt(output, { width, height }) };
  }
  if (!plan.still || plan.isSpread) return { frames: written, others: [] };
  const images: RgbImage[] = [];
  for (const { codes } of sampled.pictures) images.push(await model.tokenizer.decode(codes));
  const joint = { ...plan.still, columns: list.columns };
  return { frames: written, others: await writeImages(images, joint, output, () => notes) };
}
