import type { RgbImage } from '../data/image.js';
import type { Probabilities } from './inceptionScore.js';
import type { Features } from './moments.js';

/** What a network finds in pictures. */
export interface FoundFeatures {
  /** One row a picture. */
  readonly pool: Features;
  /** Of places in the picture, where the network has some. */
  readonly spatial?: Features;
  /** Of classes, where the network tells some apart. */
  readonly probabilities?: Probabilities;
}

/** What pictures are compared by. */
export interface FeatureNetwork {
  /** In a word, for people. */
  readonly name: string;
  /** What tells it from all others: statistics of different networks are not compared. */
  readonly digest: string;
  /** @throws InputError for numbers that are not finite. */
  extract(images: readonly RgbImage[]): Promise<FoundFeatures>;
  dispose(): Promise<void>;
}

/** Rows of some batches, one after the other. */
export function joinFeatures(parts: readonly Features[]): Features {
  const width = parts[0]?.width ?? 0;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const values = new Float32Array(count * width);
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.values.length;
  }
  return { count, width, values };
}

/** The rows of some batches, and their probabilities where all have some, in the order of the pictures. */
export function joinFound(parts: readonly FoundFeatures[]): FoundFeatures {
  const joined = (pick: (part: FoundFeatures) => Features | undefined): Features | undefined => {
    const all = parts.map(pick);
    return all.every((part) => part !== undefined) ? joinFeatures(all as readonly Features[]) : undefined;
  };
  const asRows = ({ probabilities: own }: FoundFeatures): Features | undefined =>
    own && { count: own.count, width: own.classes, values: own.values };
  const [spatial, classes] = [joined((part) => part.spatial), joined(asRows)];
  return {
    pool: joined((part) => part.pool)!,
    ...(spatial && { spatial }),
    ...(classes && {
      probabilities: { count: classes.count, classes: classes.width, values: classes.values },
    }),
  };
}
