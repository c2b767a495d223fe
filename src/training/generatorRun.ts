import { arpgTeacherForced } from '../../graphs/arpg.js';
import { arpgConfig, type OfficialArpgConfig } from '../arpg/config.js';
import { randomOrder } from '../arpg/order.js';
import { uniformFor } from '../arpg/random.js';
import { augmentImage, NO_AUGMENTATION } from './augment.js';
import { flipImage } from '../data/image.js';
import type { TokenSet } from '../data/tokenSource.js';
import type { ImageSource } from '../data/imageSource.js';
import { wordHalves } from '../graph/philox.js';
import { intTensor } from '../targets/target.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { dataOrder } from './dataOrder.js';
import { splitExamples } from './tokenizerRun.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';

/** Images encoded together. */
const ENCODE_BATCH = 64;

/**
 * Tokens of all images of a source.
 * @param flip adds the mirrored image's tokens as a second variant
 */
export async function encodeSource(
  source: ImageSource,
  tokenizer: Tokenizer,
  flip: boolean,
  onProgress: (done: number) => void = () => {},
): Promise<TokenSet> {
  const { imageSize } = tokenizer.config;
  const positions = (imageSize / tokenizer.factor) ** 2;
  const variants = flip ? 2 : 1;
  const tokens = new Int32Array(source.count * variants * positions);
  for (let start = 0; start < source.count; start += ENCODE_BATCH) {
    const count = Math.min(ENCODE_BATCH, source.count - start);
    const images = await Promise.all(
      Array.from({ length: count }, async (_, offset) => {
        const image = await source.image(start + offset);
        return augmentImage(image, imageSize, NO_AUGMENTATION, 0, 0);
      }),
    );
    const pictures = images.flatMap((image) => (flip ? [image, flipImage(image)] : [image]));
    const encoded = await tokenizer.encodeMany(pictures);
    for (const [place, image] of encoded.entries())
      tokens.set(image.tokens, (start * variants + place) * positions);
    onProgress(start + count);
  }
  const classIds = Int32Array.from({ length: source.count }, (_, index) => source.classOf(index));
  return { classIds, tokens, variants, positions };
}

export interface GeneratorRunOptions {
  readonly config: OfficialArpgConfig;
  readonly batchSize: number;
  readonly heldOutShare: number;
  /** Probability that an image is trained with the null class, for guidance. */
  readonly labelDropout: number;
  /** Share of elements dropped in the network. */
  readonly dropout: number;
  /** Parts that each batch is worked on in. */
  readonly parts: number;
  readonly recompute: boolean;
  readonly settings: Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'>;
}

const VALIDATION_BATCHES = 8;
/** Validation draws its permutations as from a step that training never reaches. */
const VALIDATION_STEP = 2 ** 24;

/** What the training loop needs to train a generator on tokens. */
export function generatorTraining(data: TokenSet, options: GeneratorRunOptions): TrainingSettings {
  const { config, batchSize, labelDropout, dropout, parts, settings } = options;
  const { seed } = settings;
  const { training, heldOut } = splitExamples(data.classIds.length, options.heldOutShare, seed);
  const order = dataOrder(training.length, batchSize, seed);
  const { positions, variants } = data;
  const tokensOf = (example: number, variant: number) => {
    const start = (example * variants + variant) * positions;
    return data.tokens.subarray(start, start + positions);
  };
  /** @param firstDraw numbers the images over the whole run; all that is random about an image depends on its number */
  const assemble = (examples: readonly number[], firstDraw: number, isTraining: boolean): Batch => {
    const shape = [examples.length, positions];
    const tokens = new Int32Array(examples.length * positions);
    const orders = new Int32Array(tokens.length);
    const classIds = new Int32Array(examples.length);
    for (const [row, example] of examples.entries()) {
      const draw = firstDraw + row;
      const variant = isTraining ? Math.floor(uniformFor(seed, draw, 0, 'variant') * variants) : 0;
      const isNull = isTraining && uniformFor(seed, draw, 0, 'label') < labelDropout;
      tokens.set(tokensOf(example, variant), row * positions);
      orders.set(randomOrder(positions, seed, draw), row * positions);
      classIds[row] = isNull ? config.num_classes : data.classIds[example]!;
    }
    return {
      tokens: intTensor(shape, tokens),
      class_ids: intTensor([examples.length], classIds),
      orders: intTensor(shape, orders),
      ...(isTraining && dropout > 0 && { dropout_key: intTensor([4], wordHalves([seed, firstDraw])) }),
    };
  };
  const batches = Math.min(VALIDATION_BATCHES, Math.floor(heldOut.length / batchSize));
  return {
    ...settings,
    lossGraph: arpgTeacherForced(arpgConfig(config), { dropout }),
    validationGraph: arpgTeacherForced(arpgConfig(config)),
    step: { parts, recompute: options.recompute },
    batch: async (step) => {
      const examples = order.batch(step).map((example) => training[example]!);
      const size = batchSize / parts;
      return Array.from({ length: parts }, (_, part) =>
        assemble(examples.slice(part * size, (part + 1) * size), step * batchSize + part * size, true),
      );
    },
    validation: Array.from({ length: batches }, (_, index) =>
      assemble(
        heldOut.slice(index * batchSize, (index + 1) * batchSize),
        (VALIDATION_STEP + index) * batchSize,
        false,
      ),
    ),
  };
}
