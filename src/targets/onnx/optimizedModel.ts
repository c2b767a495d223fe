import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { KeptFiles } from '../../files/keptFiles.js';
import { attempt } from '../../files/keptFolder.js';
import type { ResultStore } from '../../files/resultStore.js';
import { countElements } from '../../graph/dimension.js';
import { byteLength, type StoredTensor, type Weights } from '../../graph/weights.js';
import type { MemoryNeed } from '../memoryGuard.js';
import { decodePrepared, encodePrepared } from './keptModel.js';
import { originsOf } from './weightOrigins.js';

/** Models with larger weights are not kept: packing those takes the time, not optimising the graph. */
const MOST_BYTES = 2 ** 29;
/** Smaller weights lie in the model itself. */
const LEAST_OUTSIDE_BYTES = 1024;
const MODEL_NAME = 'model.onnx';
/** Kept in place of a model that was used once: to write it costs more than it saves where nobody comes back. */
export const USED_ONCE = Uint8Array.of(1);

/** A model as onnxruntime optimised it for this processor. */
export interface OptimizedModel {
  readonly bytes: Uint8Array;
  /** Where its weights lie; undefined where they are inside. */
  readonly weightsFolder: string | undefined;
  readonly needs: readonly MemoryNeed[];
}

/** Settings under which a session leaves the optimised model, and what is done with it then. */
export interface OptimizedKeeping {
  readonly settings: Pick<InferenceSession.SessionOptions, 'optimizedModelFilePath'>;
  readonly sessionEntries: Readonly<Record<string, string>>;
  /** Keeps what the session left; that it could not be kept is nothing to report. */
  readonly keep: () => void;
  /** Removes what the session left. */
  readonly remove: () => void;
}

/** The processor, for which the runtime chooses how data are laid out. */
function processor(): string {
  const flags = attempt(() => /^(flags|Features)\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0]);
  return [process.platform, process.arch, cpus()[0]?.model, flags].join('\n');
}

/** What a tensor takes in a model, where whole numbers stand for its elements: a byte or half a byte each. */
function bytesInModel(tensor: StoredTensor): number {
  return tensor.quantized ? (countElements(tensor.shape) * tensor.quantized.bits) / 8 : byteLength(tensor);
}

/**
 * Names an optimised model by all that it depends on; undefined where weights are in memory alone, or too many, or of 4 bits:
 * onnxruntime reads those back, packed as it left them, as other numbers, even infinite ones.
 * @param manner the model before, and what made it
 */
export function optimizedKey(weights: Weights, manner: string): string | undefined {
  const bytes = [...weights.values()].reduce((sum, tensor) => sum + bytesInModel(tensor), 0);
  const has4Bits = [...weights.values()].some(({ quantized }) => quantized?.bits === 4);
  if (bytes > MOST_BYTES || has4Bits) return undefined;
  const origins = attempt(() => originsOf(weights));
  if (!origins) return undefined;
  return createHash('sha256')
    .update(JSON.stringify(['optimized', manner, processor(), origins]))
    .digest('hex');
}

/** Where optimised models are kept, and their weights. */
interface Places {
  readonly store: Pick<ResultStore, 'read' | 'write'>;
  readonly files: KeptFiles;
}

/** The optimised model of a key; undefined where it, or its weights, are not there. */
export function findOptimized(key: string, { store, files }: Places): OptimizedModel | undefined {
  const bytes = store.read(key);
  const kept = bytes && decodePrepared(bytes);
  if (!kept) return undefined;
  const { model, needs, weightsBytes } = kept;
  if (weightsBytes === 0) return { bytes: model, weightsFolder: undefined, needs };
  const path = files.find(key, weightsBytes);
  return path === undefined ? undefined : { bytes: model, weightsFolder: dirname(path), needs };
}

/** Has a session leave its optimised model, to be kept under a key; undefined where there is no place for it. */
export function keepOptimized(
  key: string,
  needs: readonly MemoryNeed[],
  { store, files }: Places,
): OptimizedKeeping | undefined {
  const place = files.workplace();
  if (!place) return undefined;
  const model = join(place.folder, MODEL_NAME);
  return {
    settings: { optimizedModelFilePath: model },
    sessionEntries: {
      optimized_model_external_initializers_file_name: key,
      optimized_model_external_initializers_min_size_in_bytes: String(LEAST_OUTSIDE_BYTES),
      // Packed for products, too: those are mapped into memory, where others would be packed again beside themselves.
      save_external_prepacked_constant_initializers: '1',
    },
    keep() {
      attempt(() => {
        const bytes = readFileSync(model);
        const weightsBytes = place.adopt(key);
        if (weightsBytes !== undefined)
          store.write(key, encodePrepared({ model: bytes, needs, digests: {}, weightsBytes }));
      });
      place.remove();
    },
    remove: () => place.remove(),
  };
}
