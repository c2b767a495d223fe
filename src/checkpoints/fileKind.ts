import { readFileRange, regularFileSize } from '../files/fileRange.js';

/** Weights that can be read. */
export type WeightsKind = 'safetensors' | 'zip' | 'index';

/** What a file is by its first bytes: weights, or something else in words with what to do about it. */
export type FileKind = { readonly weights: WeightsKind } | { readonly foreign: string };

const HEAD_BYTES = 512;
/** safetensors files start with the length of their header. */
const SAFETENSORS_LENGTH_BYTES = 8;

const hasBytes =
  (...bytes: readonly number[]) =>
  (head: Uint8Array) =>
    bytes.every((byte, index) => head[index] === byte);

function textOf(head: Uint8Array): string {
  return Buffer.from(head)
    .toString('latin1')
    .replace(/^(ï»¿)?\s*/, '');
}

/** Files that are given in place of weights, and what helps. */
const FOREIGN: readonly { readonly matches: (head: Uint8Array) => boolean; readonly what: string }[] = [
  {
    matches: (head) => textOf(head).startsWith('version https://git-lfs'),
    what: "a Git LFS pointer, not the weights themselves; fetch them with 'git lfs pull' or 'arpg pull'",
  },
  {
    matches: (head) => /^<(!doctype|html|head|\?xml|!--)/i.test(textOf(head)),
    what: 'an HTML or XML page, not weights; its download failed: download it again from the file itself',
  },
  { matches: hasBytes(0x1f, 0x8b), what: 'packed with gzip; unpack it first' },
  { matches: hasBytes(0x42, 0x5a, 0x68), what: 'packed with bzip2; unpack it first' },
  { matches: hasBytes(0xfd, 0x37, 0x7a, 0x58, 0x5a), what: 'packed with xz; unpack it first' },
  { matches: hasBytes(0x28, 0xb5, 0x2f, 0xfd), what: 'packed with zstd; unpack it first' },
  { matches: hasBytes(0x37, 0x7a, 0xbc, 0xaf), what: 'a 7z archive; unpack it first' },
  {
    matches: (head) => textOf(head.subarray(257)).startsWith('ustar'),
    what: 'a tar archive; unpack it first',
  },
  { matches: hasBytes(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59), what: "a NumPy array, not a model's weights" },
  { matches: hasBytes(0x89, 0x48, 0x44, 0x46), what: 'an HDF5 file; convert it to safetensors' },
  { matches: hasBytes(0x47, 0x47, 0x55, 0x46), what: 'a GGUF file; convert it to safetensors' },
  {
    matches: (head) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5,
    what: 'in the format from before PyTorch 1.6; load it in PyTorch and save it again',
  },
  {
    // An ONNX model starts with its version, then names who made it or goes on with the graph.
    matches: (head) => head[0] === 0x08 && head[1]! <= 0x20 && [0x12, 0x1a, 0x3a, 0x42].includes(head[2]!),
    what: 'an ONNX model; import the PyTorch or safetensors weights that it was made from',
  },
];

/**
 * What a file is by its content, whatever its name.
 * @throws InputError naming the file when it cannot be read.
 */
export function fileKindOf(path: string): FileKind {
  const size = regularFileSize(path);
  const head = readFileRange(path, 0, Math.min(size, HEAD_BYTES));
  if (hasBytes(0x50, 0x4b)(head)) return { weights: 'zip' };
  // The header is JSON and follows a length that is far below 2⁵⁶.
  if (head[SAFETENSORS_LENGTH_BYTES] === 0x7b && head[SAFETENSORS_LENGTH_BYTES - 1] === 0)
    return { weights: 'safetensors' };
  const foreign = FOREIGN.find(({ matches }) => matches(head));
  if (foreign) return { foreign: foreign.what };
  if (textOf(head).startsWith('{')) return { weights: 'index' };
  return {
    foreign:
      size === 0
        ? 'an empty file'
        : 'neither a safetensors file nor a PyTorch file; is it damaged, or the wrong one?',
  };
}
