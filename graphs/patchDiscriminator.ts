import {
  add,
  conv2d,
  groupNorm,
  maximum,
  mean,
  multiply,
  negate,
  parameter,
  relu,
  scope,
  stopGradient,
  subtract,
  type Tensor,
} from '../src/dsl/index.js';

const CHANNELS = [32, 64, 128] as const;
const GROUPS = 32;
const NORM_EPSILON = 1e-6;
const LEAK = 0.2;

/** How the discriminator's parameters are used: learned, or held still while the tokenizer learns from it. */
type Freeze = (weight: Tensor) => Tensor;

function leakyRelu(x: Tensor): Tensor {
  return maximum(x, multiply(x, LEAK));
}

function conv(name: string, x: Tensor, outputs: number, stride: 1 | 2, freeze: Freeze): Tensor {
  const inputs = Number(x.shape[1]);
  return scope(name, () => {
    const weight = parameter('weight', [outputs, inputs, 3, 3], { kind: 'normal', standardDeviation: 0.02 });
    const bias = parameter('bias', [outputs], { kind: 'zeros' });
    return conv2d(x, freeze(weight), { bias: freeze(bias), stride, padding: 1 });
  });
}

function norm(x: Tensor, freeze: Freeze): Tensor {
  const channels = Number(x.shape[1]);
  return scope('norm', () => {
    const weight = parameter('weight', [channels], { kind: 'ones' });
    const bias = parameter('bias', [channels], { kind: 'zeros' });
    return groupNorm(x, freeze(weight), freeze(bias), { groups: GROUPS, epsilon: NORM_EPSILON });
  });
}

/** Image `[batch, 3, height, width]` → how real each patch looks, `[batch, 1, height/8, width/8]` (Isola et al., 2017). */
function patchDiscriminator(image: Tensor, freeze: Freeze): Tensor {
  return scope('discriminator', () => {
    const features = CHANNELS.reduce(
      (x, channels, level) =>
        scope(`layers.${level}`, () => {
          const convolved = conv('conv', x, channels, 2, freeze);
          return leakyRelu(level === 0 ? convolved : norm(convolved, freeze));
        }),
      image,
    );
    return conv('head', features, 1, 1, freeze);
  });
}

/** What the tokenizer and its discriminator want of each other. */
export interface AdversarialLosses {
  /** For the tokenizer: reconstructions that look real. The discriminator gets no gradient of it. */
  readonly forTokenizer: Tensor;
  /** For the discriminator, the hinge loss. The tokenizer gets no gradient of it. */
  readonly forDiscriminator: Tensor;
}

/**
 * The adversarial losses of VQGAN (Esser et al., 2021). Their gradients reach disjoint parameters, so that both can be
 * parts of one loss and one step trains both.
 */
export function adversarialLosses(image: Tensor, reconstruction: Tensor): AdversarialLosses {
  const learned: Freeze = (weight) => weight;
  const real = patchDiscriminator(image, learned);
  const fake = patchDiscriminator(stopGradient(reconstruction), learned);
  const hinge = add(mean(relu(subtract(1, real))), mean(relu(add(1, fake))));
  return {
    forTokenizer: negate(mean(patchDiscriminator(reconstruction, stopGradient))),
    forDiscriminator: multiply(hinge, 0.5),
  };
}
