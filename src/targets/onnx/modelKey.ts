import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { Graph } from '../../graph/graph.js';
import { graphToJson } from '../../graph/serialize.js';
import type { StoredTensor, Weights } from '../../graph/weights.js';

/** Whether all weights lie in files of one folder, so that a model refers to them and has none inside. */
export function lieTogether(weights: Weights): boolean {
  const folders = new Set([...weights.values()].map(({ file }) => file && dirname(file.path)));
  return folders.size === 0 || (folders.size === 1 && !folders.has(undefined));
}

/** The folder of the first weights that lie in a file. */
export function folderOf(weights: Weights): string | undefined {
  const file = [...weights.values()].find((tensor) => tensor.file !== undefined)?.file;
  return file && dirname(file.path);
}

/**
 * Names everything that a model depends on but the weights' elements: the graph, where each weight lies and of what kind
 * it is, and how the graph is lowered and by what.
 * @param manner how the graph is compiled and lowered, and the versions of what does it
 * @returns 64 hexadecimal digits
 */
export function modelKey(graph: Graph, weights: Weights, manner: Readonly<Record<string, unknown>>): string {
  const tensors = [...weights].map(([name, { dtype, shape, file }]) => [
    name,
    dtype,
    shape,
    file && basename(file.path),
    file?.offset,
  ]);
  const parts = [manner, graphToJson(graph), tensors];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Digest of a tensor's elements. */
export function elementsDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Weights that remember which of them were read, and what was read.
 * @param limit bytes beyond which nothing is remembered
 */
export function watchReads(
  weights: Weights,
  limit: number,
): {
  readonly weights: Weights;
  /** Digests by name; undefined when too much was read, or something came out differently the second time. */
  readonly digests: () => Readonly<Record<string, string>> | undefined;
} {
  const digests = new Map<string, string>();
  let left = limit;
  let isSteady = true;
  const note = (name: string, bytes: Uint8Array): Uint8Array => {
    left -= bytes.length;
    if (left < 0 || !isSteady) return bytes;
    const digest = elementsDigest(bytes);
    isSteady = (digests.get(name) ?? digest) === digest;
    digests.set(name, digest);
    return bytes;
  };
  const watched = [...weights].map(([name, tensor]): [string, StoredTensor] => [
    name,
    { ...tensor, read: () => note(name, tensor.read()) },
  ]);
  return {
    weights: new Map(watched),
    digests: () => (left >= 0 && isSteady ? Object.fromEntries(digests) : undefined),
  };
}
