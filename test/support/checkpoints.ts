import { openPytorch as openCheckpoint } from '../../src/checkpoints/pytorch.js';
import type { StoredTensor, Weights } from '../../src/graph/weights.js';

/** All tensors of a PyTorch file's outermost dictionary of tensors, and the key of that dictionary. */
export async function openPytorch(
  path: string,
): Promise<{ readonly tensors: Weights; readonly key: string }> {
  const [[key, dictionary]] = [...(await openCheckpoint(path)).dictionaries] as [
    [string, { names: ReadonlySet<string>; tensor(name: string): StoredTensor | undefined }],
  ];
  return { key, tensors: new Map([...dictionary.names].map((name) => [name, dictionary.tensor(name)!])) };
}
