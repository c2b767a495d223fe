import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OutputError, systemReason } from '../errors.js';
import { cacheFolder } from '../download/cache.js';
import { writeModelFolder } from '../models/modelFolder.js';
import type { BenchModel } from './models.js';

const NAME = /^bench-(\d+)$/;

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes what was left by processes that were killed. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, id] = NAME.exec(name) ?? [];
    if (id !== undefined && !isAlive(Number(id)))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** Where random weights lie while they are measured. */
export interface WorkFolder {
  /** The folder of a model, which is written when first asked for. @throws OutputError when it cannot be. */
  folderOf(model: BenchModel): Promise<string>;
  /** Removes all; so does the end of the process. */
  remove(): void;
}

/** A folder in the cache folder for models of random weights, which networks read as they would a real model's. */
export function openWorkFolder(parent = cacheFolder()): WorkFolder {
  const own = join(parent, `bench-${process.pid}`);
  const folders = new Map<BenchModel, Promise<string>>();
  const clear = () => rmSync(own, { recursive: true, force: true });
  try {
    mkdirSync(parent, { recursive: true });
    removeAbandoned(parent);
  } catch (error) {
    throw new OutputError(`${parent}: cannot be written: ${systemReason(error)}`, error);
  }
  process.once('exit', clear);
  const write = async (model: BenchModel): Promise<string> => {
    if ('folder' in model.source) return model.source.folder;
    mkdirSync(own, { recursive: true });
    const folder = join(own, String(folders.size));
    await writeModelFolder(folder, { generator: model.generator, tokenizer: model.source.tokenizer });
    return folder;
  };
  return {
    folderOf: (model) => {
      const folder = folders.get(model) ?? write(model);
      folders.set(model, folder);
      return folder;
    },
    remove: () => {
      process.off('exit', clear);
      clear();
    },
  };
}
