import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { type Encoded, pickle, pickledTensor } from '../../src/checkpoints/pickleProgram.js';
import { STORAGE_CLASSES } from '../../src/checkpoints/torchTensor.js';
import { countElements } from '../../src/graph/dimension.js';
import { stridesOf } from '../../src/graph/ndarray.js';
import type { Weights } from '../../src/graph/weights.js';

/** Writes a zip like `torch.save`'s around any pickle, also one that `torch.save` would never write. */
export async function writeCheckpoint(
  path: string,
  value: Encoded,
  storages: Readonly<Record<string, ArrayBufferView>> = {},
  compress = false,
): Promise<void> {
  const zip = new ZipFile();
  zip.addBuffer(pickle.program(value), 'archive/data.pkl', { compress });
  for (const [name, { buffer: bytes, byteOffset, byteLength }] of Object.entries(storages))
    zip.addBuffer(Buffer.from(bytes as ArrayBuffer, byteOffset, byteLength), `archive/data/${name}`, {
      compress,
    });
  zip.end();
  writeFileSync(path, await buffer(zip.outputStream));
}

/** The pickled state dict of weights, and its storages; `rename` gives the names in it, `prefix` starts those of storages. */
export function stateDictOf(
  weights: Weights,
  rename: (name: string) => string = (name) => name,
  prefix = '',
): { readonly value: Encoded; readonly storages: Readonly<Record<string, Uint8Array>> } {
  const entries = [...weights].map(([name, tensor], index) => {
    const { dtype, shape } = tensor;
    const description = {
      storage: `${prefix}${index}`,
      type: STORAGE_CLASSES[dtype],
      elements: countElements(shape),
      shape,
      strides: stridesOf(shape),
    };
    return { name: rename(name), index, value: pickledTensor(description), bytes: tensor.read() };
  });
  return {
    value: pickle.dict(Object.fromEntries(entries.map(({ name, value }) => [name, value]))),
    storages: Object.fromEntries(entries.map(({ index, bytes }) => [`${prefix}${index}`, bytes])),
  };
}
