import type { Codes } from './codes.js';
import { floatTensor, type HostTensor, intTensor } from './targets/target.js';

/** One picture's codes as the decoder of its kind of tokenizer takes them. */
export function decoderInput(codes: Codes): Readonly<Record<string, HostTensor>> {
  const { height, width } = codes.grid;
  if (codes.kind === 'vectors')
    return { vectors: floatTensor([1, height, width, codes.channels], codes.tokens) };
  const shape = codes.kind === 'scales' ? [1, codes.tokens.length] : [1, height, width];
  return { indices: intTensor(shape, codes.tokens) };
}
