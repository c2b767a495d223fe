import { type Augmentation, augmentImage, NO_AUGMENTATION } from './augment.js';
import type { ImageSource } from '../data/imageSource.js';
import { imageSignal } from '../tokenizers/pixelSignal.js';
import type { TokenizerFacts, TokenizerKind, TokenizerLosses } from '../tokenizers/tokenizerKind.js';
import { vocabularyOf } from '../codes.js';
import { restartDeadCodes } from './deadCodes.js';
import { dataOrder } from './dataOrder.js';
import { heldOutBatches, splitExamples } from './heldOut.js';
import { inputNode } from '../graph/graph.js';
import { normalsFor } from '../random/normals.js';
import { floatTensor, type HostTensor } from '../targets/target.js';
import { requireBatchSettings } from './requireSettings.js';
import { WHOLE } from './sharedRun.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';

/** The input of graphs that draw latents from Gaussians. */
const NOISE = 'noise';

/** Images to validate on draw as others that training never reaches. */
const VALIDATION_DRAW = 2 ** 31;

/** Noise for the latents of images, each by its number alone: `[count, channels, height, width]` */
function latentNoise(
  { codes, factor, imageSize }: TokenizerFacts,
  count: number,
  seed: number,
  firstDraw: number,
): HostTensor {
  const side = imageSize / factor;
  const channels = codes.kind === 'vectors' ? codes.channels : 0;
  const length = channels * side ** 2;
  const noise = new Float32Array(count * length);
  for (let image = 0; image < count; image++)
    noise.set(normalsFor(seed, firstDraw + image, 0, 'posterior', 0, length), image * length);
  return floatTensor([count, channels, side, side], noise);
}

export interface TokenizerRunOptions {
  readonly kind: TokenizerKind;
  readonly config: object;
  readonly losses: TokenizerLosses;
  readonly batchSize: number;
  readonly heldOutShare: number;
  readonly augmentation: Augmentation;
  /** Steps without use after which a code is replaced; 0 keeps all. */
  readonly restartAfter: number;
  /** A discriminator's weight and the first step in which it counts; undefined trains without one. */
  readonly adversarial: { readonly weight: number; readonly start: number } | undefined;
  /** Parts that each batch is worked on in. */
  readonly parts: number;
  readonly recompute: boolean;
  readonly settings: Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'>;
}

/**
 * What the training loop needs to train a tokenizer on images.
 * @throws UsageError for settings out of range.
 */
export async function tokenizerTraining(
  source: ImageSource,
  options: TokenizerRunOptions,
): Promise<TrainingSettings> {
  const { kind, config, batchSize, settings, augmentation, parts, adversarial } = options;
  const { imageSize, codes } = kind.facts(config);
  requireBatchSettings(options);
  const { training, heldOut } = splitExamples(source.count, options.heldOutShare, settings.seed);
  const order = dataOrder(training.length, batchSize, settings.seed);
  const { rank, size: ranks } = settings.peers ?? WHOLE;
  const partSize = batchSize / parts;
  const share = { size: partSize / ranks, start: (rank * partSize) / ranks };
  const lossGraph = kind.training.graph(config, { ...options.losses, isShared: ranks > 1 });
  const drawsNoise = lossGraph.inputs.some((tensor) => inputNode(tensor).name === NOISE);
  const noiseOf = (count: number, firstDraw: number) =>
    latentNoise(kind.facts(config), count, settings.seed, firstDraw);
  const load = async (indices: readonly number[], vary: Augmentation, firstDraw: number): Promise<Batch> => {
    const images = indices.map(async (index, offset) =>
      augmentImage(await source.image(index), imageSize, vary, settings.seed, firstDraw + offset),
    );
    const image = imageSignal(await Promise.all(images));
    return { image, ...(drawsNoise && { noise: noiseOf(indices.length, firstDraw) }) };
  };
  const validation: Batch[] = [];
  for (const examples of heldOutBatches(heldOut, batchSize))
    validation.push(await load(examples, NO_AUGMENTATION, VALIDATION_DRAW));
  return {
    ...settings,
    lossGraph,
    validationGraph: kind.training.graph(config, { ...options.losses, adversarial: false }),
    step: {
      parts,
      recompute: options.recompute,
      ...(kind.training.settings.includes('restartAfter') && {
        extension: restartDeadCodes(
          vocabularyOf(codes),
          options.restartAfter || Number.POSITIVE_INFINITY,
          settings.seed,
        ),
      }),
    },
    batch: async (step) => {
      const examples = order.batch(step).map((example) => training[example]!);
      const weight = adversarial && step >= adversarial.start ? adversarial.weight : 0;
      const images = await Promise.all(
        Array.from({ length: parts }, (_, part) => {
          const first = part * partSize + share.start;
          return load(examples.slice(first, first + share.size), augmentation, step * batchSize + first);
        }),
      );
      return images.map((image) => ({
        ...image,
        ...(adversarial && { adversarial_weight: floatTensor([], [weight]) }),
      }));
    },
    validation,
  };
}
