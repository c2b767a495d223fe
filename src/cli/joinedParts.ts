import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peers } from '../cluster/peers.js';
import { encodePart, mergeParts, type PartStatistics, type SetStatistics } from '../faces/evaluation.js';

/**
 * The statistics of the whole set from those that each rank has of its part, at the first rank; undefined at the others.
 * They come one rank's after another, so that no more than two are in memory.
 */
export async function joinedParts(peers: Peers, own: PartStatistics): Promise<SetStatistics | undefined> {
  const bytes = Buffer.concat([...encodePart(own)]);
  await peers.meet();
  const folder = peers.isFirst ? mkdtempSync(join(tmpdir(), 'arpg-parts-')) : undefined;
  try {
    const paths: string[] = [];
    for (let rank = 0; rank < peers.size; rank++) {
      const part = await peers.bytesOf(rank, bytes);
      if (folder === undefined) continue;
      paths.push(join(folder, `${rank}.safetensors`));
      writeFileSync(paths.at(-1)!, part);
    }
    return folder === undefined ? undefined : mergeParts(paths);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
