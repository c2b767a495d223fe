import { type Augmentation, augmentImage, NO_AUGMENTATION } from './augment.js';
import type { ImageSource } from '../data/imageSource.js';
import { imageSignal } from '../tokenizers/pixelSignal.js';
import type { TokenizerKind, TokenizerLosses } from '../tokenizers/tokenizerKind.js';
import { vocabularyOf } from '../codes.js';
import { restartDeadCodes } from './deadCodes.js';
import { dataOrder } from './dataOrder.js';
import { heldOutBatches, splitExamples } from './heldOut.js';
import { floatTensor } from '../targets/target.js';
import { requireBatchSettings } from './requireSettings.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';

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
  const load = async (indices: readonly number[], vary: Augmentation, firstDraw: number): Promise<Batch> => {
    const images = indices.map(async (index, offset) =>
      augmentImage(await source.image(index), imageSize, vary, settings.seed, firstDraw + offset),
    );
    return { image: imageSignal(await Promise.all(images)) };
  };
  const validation: Batch[] = [];
  for (const examples of heldOutBatches(heldOut, batchSize))
    validation.push(await load(examples, NO_AUGMENTATION, 0));
  return {
    ...settings,
    lossGraph: kind.training.graph(config, options.losses),
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
