import { vqAutoencoder, type VqLossConfig } from '../../graphs/vqTokenizer.js';
import type { ImageSource } from '../data/imageSource.js';
import { imageSignal } from '../tokenizer/tokenizer.js';
import type { OfficialVqConfig } from '../tokenizer/config.js';
import { vqConfig } from '../tokenizer/config.js';
import { dataOrder } from './dataOrder.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';

/** Splits the examples: the held-out ones are the last of an order drawn from the seed. */
export interface Split {
  readonly training: readonly number[];
  readonly heldOut: readonly number[];
}

/** @param share of the examples that training does not see, 0 to below 1 */
export function splitExamples(count: number, share: number, seed: number): Split {
  const shuffled = dataOrder(count, count, seed ^ 0x5eed).batch(1);
  const held = Math.min(count - 1, Math.floor(count * share));
  return { training: shuffled.slice(held), heldOut: shuffled.slice(0, held) };
}

export interface TokenizerRunOptions {
  readonly config: OfficialVqConfig;
  readonly losses: VqLossConfig;
  readonly batchSize: number;
  readonly heldOutShare: number;
  readonly settings: Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'>;
}

/** Validation looks at so many batches at most. */
const VALIDATION_BATCHES = 8;

/** What the training loop needs to train a tokenizer on images. */
export async function tokenizerTraining(
  source: ImageSource,
  options: TokenizerRunOptions,
): Promise<TrainingSettings> {
  const { config, batchSize, settings } = options;
  const { training, heldOut } = splitExamples(source.count, options.heldOutShare, settings.seed);
  const order = dataOrder(training.length, batchSize, settings.seed);
  const load = async (indices: readonly number[]): Promise<Batch> => {
    const images = await Promise.all(indices.map((index) => source.image(index, config.image_size)));
    return { image: imageSignal(images) };
  };
  const batches = Math.min(VALIDATION_BATCHES, Math.floor(heldOut.length / batchSize));
  const validation: Batch[] = [];
  for (let index = 0; index < batches; index++)
    validation.push(await load(heldOut.slice(index * batchSize, (index + 1) * batchSize)));
  return {
    ...settings,
    lossGraph: vqAutoencoder(vqConfig(config), options.losses),
    batch: (step) => load(order.batch(step).map((example) => training[example]!)),
    validation,
  };
}
