import {
  crossEntropy,
  dim,
  type Graph,
  input,
  linear,
  makeGraph,
  mean,
  reshape,
  softmax,
  type Tensor,
} from '../src/dsl/index.js';
import { convLayers } from './classifierLayers.js';

/** Side of the pictures that the network sees. */
export const SMALL_FEATURES_SIDE = 32;
/** Channels of the layers; all but the first halve the map. */
const CHANNELS = [24, 48, 72, 96] as const;
/** Of the features. */
export const SMALL_FEATURES_WIDTH = CHANNELS[3];

/** `[batch, 3, 32, 32]` in [−1, 1] → what the last layer finds, on average over the picture: `[batch, 96]` */
function featuresOf(image: Tensor): Tensor {
  const map = convLayers(image, CHANNELS);
  return mean(reshape(map, [image.shape[0]!, SMALL_FEATURES_WIDTH, -1]), { axes: [-1] });
}

const imageInput = () => input('image', 'f32', [dim('batch'), 3, SMALL_FEATURES_SIDE, SMALL_FEATURES_SIDE]);

/**
 * A small network that tells the pictures of the shipped models apart, for comparing sets of such pictures: `image` →
 * `features` `[batch, 96]` and `probabilities` `[batch, classes]`.
 */
export function smallFeatures(classes: number): Graph {
  const image = imageInput();
  const features = featuresOf(image);
  return makeGraph('small-features', [image], {
    features,
    probabilities: softmax(linear('head', features, classes)),
  });
}

/** Its training: `image` and `class_ids` i32 `[batch]` → `loss`, the mean cross-entropy. */
export function smallFeaturesLoss(classes: number): Graph {
  const image = imageInput();
  const classIds = input('class_ids', 'i32', [image.shape[0]!]);
  const loss = mean(crossEntropy(linear('head', featuresOf(image), classes), classIds));
  return makeGraph('small-features-loss', [image, classIds], { loss });
}
