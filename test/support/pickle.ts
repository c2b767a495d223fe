import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { type Encoded, pickle } from '../../src/checkpoints/pickleProgram.js';

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
