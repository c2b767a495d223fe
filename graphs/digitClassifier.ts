import {
  argmax,
  crossEntropy,
  dim,
  type Graph,
  input,
  linear,
  makeGraph,
  mean,
  reshape,
  type Tensor,
} from '../src/dsl/index.js';
import { convLayers } from './classifierLayers.js';

const SIDE = 28;
const CLASSES = 10;
/** Of the last convolution. */
const CHANNELS = 32;
const PLACES = (SIDE / 4) ** 2;

/** `[batch, 3, 28, 28]` in [−1, 1] → `[batch, 32, 7, 7]` */
function featuresOf(image: Tensor): Tensor {
  return convLayers(image, [16, CHANNELS, CHANNELS]);
}

/** `[batch, 3, 28, 28]` in [−1, 1] → logits `[batch, 10]` */
function classify(image: Tensor): Tensor {
  const flat = reshape(featuresOf(image), [image.shape[0]!, CHANNELS * PLACES]);
  return linear('head', flat, CLASSES);
}

const imageInput = () => input('image', 'f32', [dim('batch'), 3, SIDE, SIDE]);

/** A small convolutional network that tells digits apart, to judge generated ones: `image` → `class_ids` `[batch]`. */
export function digitClassifier(): Graph {
  const image = imageInput();
  return makeGraph('digit-classifier', [image], { class_ids: argmax(classify(image)) });
}

/** What its last convolution finds, on average over the picture: `image` → `features` `[batch, 32]`. */
export function digitFeatures(): Graph {
  const image = imageInput();
  const flat = reshape(featuresOf(image), [image.shape[0]!, CHANNELS, PLACES]);
  return makeGraph('digit-features', [image], { features: mean(flat, { axes: [-1] }) });
}

/** Its training: `image` and `class_ids` i32 `[batch]` → `loss`, the mean cross-entropy. */
export function digitClassifierLoss(): Graph {
  const image = imageInput();
  const classIds = input('class_ids', 'i32', [image.shape[0]!]);
  return makeGraph('digit-classifier-loss', [image, classIds], {
    loss: mean(crossEntropy(classify(image), classIds)),
  });
}
