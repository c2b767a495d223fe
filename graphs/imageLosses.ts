import {
  absolute,
  add,
  input,
  mean,
  multiply,
  rsqrt,
  scope,
  subtract,
  sum,
  type Tensor,
} from '../src/dsl/index.js';
import { adversarialLosses } from './patchDiscriminator.js';

/** What the difference between pictures and their reconstructions counts (docs/SYSTEMS.md, VQ-16). */
export interface ImageLossConfig {
  /** What the difference of a value counts: its square or its magnitude. */
  readonly reconstruction: 'l2' | 'l1';
  /** Whether a discriminator tells reconstructions from images; its weight is then an input of the graph. */
  readonly adversarial?: boolean;
  /** Feature maps `[batch, channels, height, width]` of images, in which reconstructions should look alike. */
  readonly perceptual?: { readonly features: (image: Tensor) => readonly Tensor[]; readonly weight: number };
}

const PERCEPTUAL_EPSILON = 1e-10;

/** Scales the channels of each pixel to length 1. */
function normalizeChannels(x: Tensor): Tensor {
  const squaredLength = sum(multiply(x, x), { axes: [1], keepDims: true });
  return multiply(x, rsqrt(add(squaredLength, PERCEPTUAL_EPSILON)));
}

/** Mean squared differences of feature maps, their channels scaled to length 1 (as in LPIPS, Zhang et al., 2018). */
function perceptualLoss(image: readonly Tensor[], reconstruction: readonly Tensor[]): Tensor {
  const distances = image.map((features, index) => {
    const difference = subtract(normalizeChannels(features), normalizeChannels(reconstruction[index]!));
    return mean(sum(multiply(difference, difference), { axes: [1] }));
  });
  return distances.reduce((a, b) => add(a, b));
}

/** What a picture's reconstruction costs. */
export interface ImageLosses {
  /** Inputs of the graph beside the picture: `adversarial_weight` f32 without axes where there is a discriminator. */
  readonly inputs: readonly Tensor[];
  readonly reconstruction: Tensor;
  /** `perceptual_loss`, `adversarial_loss` and `discriminator_loss`, whichever are asked for. */
  readonly further: Readonly<Record<string, Tensor>>;
}

/** The losses of reconstructions, weighted. */
export function imageLosses(image: Tensor, reconstruction: Tensor, losses: ImageLossConfig): ImageLosses {
  const weight = input('adversarial_weight', 'f32', []);
  const adversarial = losses.adversarial ? adversarialLosses(image, reconstruction) : undefined;
  return scope('loss', () => {
    const difference = subtract(reconstruction, image);
    const perceptual = losses.perceptual && {
      perceptual_loss: multiply(
        perceptualLoss(losses.perceptual.features(image), losses.perceptual.features(reconstruction)),
        losses.perceptual.weight,
      ),
    };
    return {
      inputs: adversarial ? [weight] : [],
      reconstruction: mean(
        losses.reconstruction === 'l2' ? multiply(difference, difference) : absolute(difference),
      ),
      further: {
        ...perceptual,
        ...(adversarial && {
          adversarial_loss: multiply(adversarial.forTokenizer, weight),
          discriminator_loss: adversarial.forDiscriminator,
        }),
      },
    };
  });
}
