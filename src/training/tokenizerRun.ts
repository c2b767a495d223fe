import { vqAutoencoder, type VqLossConfig } from '../../graphs/vqTokenizer.js';
import { type Augmentation, augmentImage, NO_AUGMENTATION } from './augment.js';
import type { ImageSource } from '../data/imageSource.js';
import { imageSignal } from '../tokenizers/pixelSignal.js';
import { type OfficialVqConfig, vqConfig } from '../tokenizers/vq.js';
import { restartDeadCodes } from './deadCodes.js';
import { dataOrder } from './dataOrder.js';
import { heldOutBatches, splitExamples } from './heldOut.js';
import { floatTensor } from '../targets/target.js';
import { requireBatchSettings } from './requireSettings.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';

export interface TokenizerRunOptions {
  readonly config: OfficialVqConfig;
  readonly losses: VqLossConfig;
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
  const { config, batchSize, settings, augmentation, parts, adversarial } = options;
  requireBatchSettings(options);
  const { training, heldOut } = splitExamples(source.count, options.heldOutShare, settings.seed);
  const order = dataOrder(training.length, batchSize, settings.seed);
  const load = async (indices: readonly number[], vary: Augmentation, firstDraw: number): Promise<Batch> => {
    const images = indices.map(async (index, offset) =>
      augmentImage(await source.image(index), config.image_size, vary, settings.seed, firstDraw + offset),
    );
    return { image: imageSignal(await Promise.all(images)) };
  };
  const validation: Batch[] = [];
  for (const examples of heldOutBatches(heldOut, batchSize))
    validation.push(await load(examples, NO_AUGMENTATION, 0));
  return {
    ...settings,
    lossGraph: vqAutoencoder(vqConfig(config), { ...options.losses, adversarial: adversarial !== undefined }),
    validationGraph: vqAutoencoder(vqConfig(config), options.losses),
    step: {
      parts,
      recompute: options.recompute,
      extension: restartDeadCodes(
        config.codebook_size,
        options.restartAfter || Number.POSITIVE_INFINITY,
        settings.seed,
      ),
    },
    batch: async (step) => {
      const examples = order.batch(step).map((example) => training[example]!);
      const size = batchSize / parts;
      const weight = adversarial && step >= adversarial.start ? adversarial.weight : 0;
      const images = await Promise.all(
        Array.from({ length: parts }, (_, part) =>
          load(examples.slice(part * size, (part + 1) * size), augmentation, step * batchSize + part * size),
        ),
      );
      return images.map((image) => ({
        ...image,
        ...(adversarial && { adversarial_weight: floatTensor([], [weight]) }),
      }));
    },
    validation,
  };
}
