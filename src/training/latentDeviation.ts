import type { ImageSource } from '../data/imageSource.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { spreadImage } from './spreadImage.js';

/** Images that tell how latents spread: hundreds of thousands of numbers even of small pictures. */
const MEASURED = 256;
/** Encoded at a time. */
const BATCH = 16;

/** The standard deviation of the vectors that a tokenizer makes of a source's images, spread over it. */
export async function latentDeviation(source: ImageSource, tokenizer: Tokenizer): Promise<number> {
  const count = Math.min(MEASURED, source.count);
  let [numbers, sum, squares] = [0, 0, 0];
  for (let first = 0; first < count; first += BATCH) {
    const images = Array.from({ length: Math.min(BATCH, count - first) }, (_, offset) =>
      spreadImage(source, first + offset, count, tokenizer.facts.imageSize),
    );
    for (const { tokens } of await tokenizer.encodeMany(await Promise.all(images))) {
      for (const value of tokens) {
        sum += value;
        squares += value ** 2;
      }
      numbers += tokens.length;
    }
  }
  const mean = sum / numbers;
  return Math.sqrt(Math.max(0, squares / numbers - mean ** 2));
}
