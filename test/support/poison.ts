import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tiny = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

interface Entry {
  readonly data_offsets: readonly [number, number];
}

/**
 * Copies the tiny model and writes one value over all elements of a tensor of its, as a broken training run may leave.
 * @param file the weights in the model's folder that hold the tensor
 */
export function poisonModel(folder: string, file: string, tensor: string, value: number): void {
  cpSync(tiny, folder, { recursive: true });
  const path = join(folder, file);
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, start).toString()) as Readonly<Record<string, Entry>>;
  const [from, to] = header[tensor]!.data_offsets;
  for (let at = from; at < to; at += 4) bytes.writeFloatLE(value, start + at);
  writeFileSync(path, bytes);
}
