import { formatDim, parseDim } from '../../graph/dimension.js';
import type { MemoryNeed } from '../memoryGuard.js';

/** A model as it is kept: with what is checked before it is used and run. */
export interface KeptModel {
  readonly model: Uint8Array;
  readonly needs: readonly MemoryNeed[];
  /** Of the elements of those weights that the model's constants were computed from, by name. */
  readonly digests: Readonly<Record<string, string>>;
  /** Bytes of the file with its weights, where it has one of its own. */
  readonly weightsBytes: number;
}

interface Header {
  readonly needs: readonly (readonly [operation: string, place: string, elements: string])[];
  readonly digests: Readonly<Record<string, string>>;
  readonly weightsBytes: number;
}

const LENGTH_BYTES = 4;

/** The length of a header in JSON, the header, and the model. */
export function encodePrepared({ model, needs, digests, weightsBytes }: KeptModel): Uint8Array {
  const header: Header = {
    needs: needs.map(({ operation, place, elements }) => [operation, place, formatDim(elements)]),
    digests,
    weightsBytes,
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, model]);
}

/** Reads what `encodePrepared` wrote; undefined for anything else. */
export function decodePrepared(bytes: Uint8Array): KeptModel | undefined {
  try {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const end = LENGTH_BYTES + view.readUInt32LE(0);
    const { needs, digests, weightsBytes } = JSON.parse(view.toString('utf8', LENGTH_BYTES, end)) as Header;
    return {
      model: view.subarray(end),
      needs: needs.map(([operation, place, elements]) => ({
        operation,
        place,
        elements: parseDim(elements),
      })),
      digests,
      weightsBytes,
    };
  } catch {
    return undefined;
  }
}
