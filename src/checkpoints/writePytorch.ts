import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { countElements } from '../graph/dimension.js';
import { stridesOf } from '../graph/ndarray.js';
import { byteLength, type Weights } from '../graph/weights.js';
import { pickle, pickledTensor } from './pickleProgram.js';
import { STORAGE_CLASSES } from './torchTensor.js';

/** A fixed date keeps the bytes the same from run to run. */
const DATE = new Date(2000, 0, 1);
const FORMAT_VERSION = '3\n';

/**
 * The bytes of a checkpoint `{key: state dict}`, with metadata as text beside it, as `torch.save` writes it and `torch.load` reads it, with
 * `weights_only` too. Weights keep their element type; one tensor at a time is in memory.
 */
export function serializePytorch(
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
  key = 'model',
): AsyncIterable<Uint8Array> {
  const zip = new ZipFile();
  const options = { compress: false, mtime: DATE };
  const tensors = [...weights.values()];
  const stateDict = Object.fromEntries(
    [...weights].map(([name, { dtype, shape }], storage) => [
      name,
      pickledTensor({
        storage: String(storage),
        type: STORAGE_CLASSES[dtype],
        elements: countElements(shape),
        shape,
        strides: stridesOf(shape),
      }),
    ]),
  );
  const texts = Object.entries(metadata).map(([key, text]) => [key, pickle.text(text)]);
  const held = key === '' ? stateDict : { [key]: pickle.dict(stateDict) };
  const root = pickle.dict({ ...held, ...Object.fromEntries(texts) });
  zip.addBuffer(pickle.program(root), 'archive/data.pkl', options);
  for (const [storage, tensor] of tensors.entries())
    zip.addReadStreamLazy(`archive/data/${storage}`, { ...options, size: byteLength(tensor) }, (give) =>
      give(null, Readable.from([tensor.read()])),
    );
  zip.addBuffer(Buffer.from(FORMAT_VERSION), 'archive/version', options);
  zip.end();
  return zip.outputStream as Readable;
}
