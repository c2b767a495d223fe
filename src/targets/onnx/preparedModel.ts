import { compileGraph } from '../../compiler/compile.js';
import type { KeptFiles } from '../../files/keptFiles.js';
import type { Graph } from '../../graph/graph.js';
import type { Weights } from '../../graph/weights.js';
import { isCompilationWatched, withSpan } from '../../inspect/observer.js';
import { type MemoryNeed, memoryNeeds } from '../memoryGuard.js';
import { decodePrepared, encodePrepared } from './keptModel.js';
import { type LoweringOptions, lowerToOnnx, onnxPasses, supportedBy } from './lowerToOnnx.js';
import { elementsDigest, folderOf, lieTogether, modelKey, watchReads } from './modelKey.js';
import {
  findOptimized,
  keepOptimized,
  type OptimizedKeeping,
  optimizedKey,
  USED_ONCE,
} from './optimizedModel.js';
import { onnxRuntimeVersion } from './onnxRuntime.js';
import { encodeOnnxModel } from './onnxSchema.js';
import { referToFiles } from './onnxWeights.js';
import { referToKeptFile } from './weightsFile.js';

/** A graph as onnxruntime takes it. */
export interface PreparedModel {
  /** In ONNX's encoding. */
  readonly bytes: Uint8Array;
  /** Where the files lie that the model refers to. */
  readonly weightsFolder: string | undefined;
  readonly needs: readonly MemoryNeed[];
  /** Whether onnxruntime has optimised it already. */
  readonly isOptimized: boolean;
  /** Begins keeping what a session makes of it, where that is wanted. */
  readonly beginKeeping?: () => OptimizedKeeping | undefined;
}

export interface PrepareOptions {
  readonly weights?: Weights;
  /** Sees the graph after each compiler pass. */
  readonly onPass?: (name: string, graph: Graph) => void;
  readonly lowering?: LoweringOptions;
  /** Whether to take and to keep models as onnxruntime optimises them for this processor (default false). */
  readonly optimized?: boolean;
}

/** Where prepared models are kept, and what tells the programs apart that prepare them. */
export interface ModelKeeping {
  readonly store: {
    read(key: string): Uint8Array | undefined;
    write(key: string, bytes: Uint8Array): void;
  };
  /** Where large weights lie that were computed from a model's, such as those in fewer bits. */
  readonly files: KeptFiles;
  /** Differs whenever the program's code does. */
  readonly program: string;
}

/** Models that depend on the elements of larger weights are not kept: to compare those takes as long as preparing. */
const MAX_COMPARED_BYTES = 256 * 2 ** 20;

const NO_WEIGHTS: Weights = new Map();

let keeping: ModelKeeping | undefined;

/** Keeps models that this process prepares for the next, from now on; undefined ends it. */
export function keepModels(where: ModelKeeping | undefined): void {
  keeping = where;
}

async function prepare(graph: Graph, { weights, onPass, lowering }: PrepareOptions): Promise<PreparedModel> {
  const compiled = compileGraph(graph, {
    supports: supportedBy(lowering ?? {}),
    ownPasses: onnxPasses(lowering ?? {}),
    ...(weights && { weights }),
    ...(onPass && { onPass }),
  });
  const { model, weightsFolder } = await withSpan(
    'lower',
    `lower ${graph.name}`,
    () => ({}),
    async () => {
      const lowered = lowerToOnnx(compiled, weights, lowering);
      const kept = keeping && (await referToKeptFile(lowered, keeping.files, keeping.program));
      return kept ?? referToFiles(lowered);
    },
  );
  return { bytes: encodeOnnxModel(model), weightsFolder, needs: memoryNeeds(compiled), isOptimized: false };
}

/** The kept model, if the weights that its constants were computed from are still what they were. */
function keptModel(bytes: Uint8Array | undefined, weights: Weights): PreparedModel | undefined {
  const kept = bytes && decodePrepared(bytes);
  if (!kept) return undefined;
  const isSame = ([name, digest]: readonly [string, string]) => {
    const tensor = weights.get(name);
    return tensor !== undefined && elementsDigest(tensor.read()) === digest;
  };
  if (!Object.entries(kept.digests).every(isSame)) return undefined;
  return { bytes: kept.model, weightsFolder: folderOf(weights), needs: kept.needs, isOptimized: false };
}

/** Compiles a graph and keeps the model under a key, or takes the one that is kept. */
async function obtainModel(
  graph: Graph,
  options: PrepareOptions,
  key: string,
  { store }: ModelKeeping,
): Promise<{ readonly model: PreparedModel; readonly wasKept: boolean; readonly isKept: boolean }> {
  const { weights = NO_WEIGHTS } = options;
  if (!lieTogether(weights)) return { model: await prepare(graph, options), wasKept: false, isKept: false };
  const known = keptModel(store.read(key), weights);
  if (known) return { model: known, wasKept: true, isKept: true };
  const watched = watchReads(weights, MAX_COMPARED_BYTES);
  const model = await prepare(graph, { ...options, weights: watched.weights });
  const digests = watched.digests();
  if (digests)
    store.write(key, encodePrepared({ model: model.bytes, needs: model.needs, digests, weightsBytes: 0 }));
  return { model, wasKept: false, isKept: digests !== undefined };
}

/**
 * Compiles a graph and writes it as a model, or takes the model that was kept when this was last done: where it can be, as
 * onnxruntime optimised it. Somebody who watches the compiler sees it at work.
 * @throws GraphError when the graph or its weights do not fit.
 */
export async function prepareModel(graph: Graph, options: PrepareOptions): Promise<PreparedModel> {
  const { weights = NO_WEIGHTS, onPass, lowering = {}, optimized = false } = options;
  if (!keeping || onPass || isCompilationWatched()) return prepare(graph, options);
  const places = keeping;
  const { program } = places;
  const key = modelKey(graph, weights, { program, onnxruntime: onnxRuntimeVersion(), lowering });
  const ownKey = optimized ? optimizedKey(weights, key) : undefined;
  const found = ownKey === undefined ? undefined : findOptimized(ownKey, places);
  if (found) return { ...found, isOptimized: true };
  const { model, wasKept, isKept } = await obtainModel(graph, options, key, places);
  if (ownKey === undefined) return model;
  if (!wasKept && places.store.read(ownKey) === undefined) {
    if (!isKept) places.store.write(ownKey, USED_ONCE);
    return model;
  }
  return { ...model, beginKeeping: () => keepOptimized(ownKey, model.needs, places) };
}
