import { join } from 'node:path';
import { cacheFolder } from '../download/cache.js';
import { keptFiles } from '../files/keptFiles.js';
import { resultStore } from '../files/resultStore.js';
import { keepModels } from '../targets/onnx/preparedModel.js';

/** A digest of the program's code, which the bundler puts here; the parts that the program is bundled from have none. */
declare const PROGRAM_DIGEST: string | undefined;

/** A model takes about a tenth of a megabyte beside its weights. */
const LIMITS = { bytesOfOne: 32 * 2 ** 20, bytesOfAll: 256 * 2 ** 20 };

/** Of all models together, those in fewer bits as the runtime lays them out. */
const LARGEST_WEIGHTS = 8 * 2 ** 30;

/** Keeps compiled models in the cache folder for the next command, unless `ARPG_COMPILE_CACHE` is 0. */
export function keepCompiledModels(environment: NodeJS.ProcessEnv = process.env): void {
  const program = typeof PROGRAM_DIGEST === 'string' ? PROGRAM_DIGEST : undefined;
  if (program === undefined || environment.ARPG_COMPILE_CACHE === '0') return;
  const cache = cacheFolder(environment);
  keepModels({
    store: resultStore(join(cache, 'compiled'), LIMITS),
    files: keptFiles(join(cache, 'weights'), LARGEST_WEIGHTS),
    program,
  });
}
