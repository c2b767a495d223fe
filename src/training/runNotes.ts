import type { ImageSource } from '../data/imageSource.js';
import type { TrainingSettings } from './trainingLoop.js';

/** Says on how many images a training is validated, or that it is not. */
export function heldOutNote(validation: TrainingSettings['validation']): string {
  const images = validation.reduce((sum, batch) => sum + (Object.values(batch)[0]?.shape[0] ?? 0), 0);
  return images === 0
    ? 'no image is held out to validate on: the weights of the last step are kept; a larger --holdout changes that'
    : `validates on ${images} held-out images`;
}

/** Says which images could not be read, and what became of them. */
export function failureNotes(failures: ReadonlyMap<string, string>, consequence: string): readonly string[] {
  if (failures.size === 0) return [];
  return [
    ...[...failures.values()].map((reason) => `skipped ${reason}`),
    `${failures.size} images could not be read and were ${consequence}`,
  ];
}

/** Says how many parameters are frozen, and where they are at random numbers; nothing where none are. */
export function frozenNotes(
  frozen: ReadonlySet<string>,
  parameters: number,
  init: string,
): readonly string[] {
  if (frozen.size === 0) return [];
  const random = init === '' ? ', at the numbers that they were drawn as; --init starts from a model' : '';
  return [`${frozen.size} of ${parameters} parameters stay as they are${random}`];
}

/**
 * What to know of images that lose detail, told by the first one; undefined where it does not.
 * @param side height and width in pixels that images are trained at
 */
export async function shrinkingNote(source: ImageSource, side: number): Promise<string | undefined> {
  const { width, height } = await source.image(0);
  return Math.min(width, height) > side
    ? `images of ${width}×${height} pixels are trained on at ${side}×${side}`
    : undefined;
}
