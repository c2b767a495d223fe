import { arpgTeacherForced } from '../../graphs/arpg.js';
import { arpgConfig, type OfficialArpgConfig } from '../arpg/config.js';
import { randomOrder } from '../arpg/order.js';
import { uniformFor } from '../arpg/random.js';
import type { ImageSource } from '../data/imageSource.js';
import { intTensor } from '../targets/target.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { dataOrder } from './dataOrder.js';
import { splitExamples } from './tokenizerRun.js';
import type { Batch, TrainingSettings } from './trainingLoop.js';

/** Token images with their classes, all of one grid. */
export interface TokenSet {
  readonly classIds: Int32Array;
  /** `[images, positions]` */
  readonly tokens: Int32Array;
  readonly positions: number;
}

/** Images encoded together. */
const ENCODE_BATCH = 64;

/** Tokens of all images of a source. */
export async function encodeSource(
  source: ImageSource,
  tokenizer: Tokenizer,
  onProgress: (done: number) => void = () => {},
): Promise<TokenSet> {
  const { imageSize } = tokenizer.config;
  const positions = (imageSize / tokenizer.factor) ** 2;
  const tokens = new Int32Array(source.count * positions);
  for (let start = 0; start < source.count; start += ENCODE_BATCH) {
    const indices = Array.from(
      { length: Math.min(ENCODE_BATCH, source.count - start) },
      (_, offset) => start + offset,
    );
    const images = await Promise.all(indices.map((index) => source.image(index, imageSize)));
    const encoded = await tokenizer.encodeMany(images);
    for (const [offset, image] of encoded.entries()) tokens.set(image.tokens, (start + offset) * positions);
    onProgress(start + indices.length);
  }
  const classIds = Int32Array.from({ length: source.count }, (_, index) => source.classOf(index));
  return { classIds, tokens, positions };
}

export interface GeneratorRunOptions {
  readonly config: OfficialArpgConfig;
  readonly batchSize: number;
  readonly heldOutShare: number;
  /** Probability that an image is trained with the null class, for guidance. */
  readonly labelDropout: number;
  readonly settings: Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'>;
}

const VALIDATION_BATCHES = 8;
/** Validation draws its permutations as from a step that training never reaches. */
const VALIDATION_STEP = 2 ** 24;

/** What the training loop needs to train a generator on tokens. */
export function generatorTraining(data: TokenSet, options: GeneratorRunOptions): TrainingSettings {
  const { config, batchSize, labelDropout, settings } = options;
  const { training, heldOut } = splitExamples(data.classIds.length, options.heldOutShare, settings.seed);
  const order = dataOrder(training.length, batchSize, settings.seed);
  const { positions } = data;
  const assemble = (examples: readonly number[], step: number, dropout: number): Batch => {
    const numbered = examples.map((example, row) => ({ example, draw: step * batchSize + row }));
    const shape = [examples.length, positions];
    const classIds = numbered.map(({ example, draw }) =>
      uniformFor(settings.seed, draw, 0, 'label') < dropout ? config.num_classes : data.classIds[example]!,
    );
    return {
      tokens: intTensor(
        shape,
        examples.flatMap((example) =>
          Array.from(data.tokens.subarray(example * positions, (example + 1) * positions)),
        ),
      ),
      class_ids: intTensor([examples.length], classIds),
      orders: intTensor(
        shape,
        numbered.flatMap(({ draw }) => randomOrder(positions, settings.seed, draw)),
      ),
    };
  };
  const batches = Math.min(VALIDATION_BATCHES, Math.floor(heldOut.length / batchSize));
  return {
    ...settings,
    lossGraph: arpgTeacherForced(arpgConfig(config)),
    batch: async (step) =>
      assemble(
        order.batch(step).map((example) => training[example]!),
        step,
        labelDropout,
      ),
    validation: Array.from({ length: batches }, (_, index) =>
      assemble(heldOut.slice(index * batchSize, (index + 1) * batchSize), VALIDATION_STEP + index, 0),
    ),
  };
}
