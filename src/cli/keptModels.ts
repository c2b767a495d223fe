import { join } from 'node:path';
import { cacheFolder } from '../download/cache.js';
import { resultStore } from '../files/resultStore.js';
import { keepModels } from '../targets/onnx/preparedModel.js';

/** A digest of the program's code, which the bundler puts here; the parts that the program is bundled from have none. */
declare const PROGRAM_DIGEST: string | undefined;

/** A model takes about a tenth of a megabyte beside its weights. */
const LIMITS = { bytesOfOne: 32 * 2 ** 20, bytesOfAll: 256 * 2 ** 20 };

/** Keeps compiled models in the cache folder for the next command, unless `ARPG_COMPILE_CACHE` is 0. */
export function keepCompiledModels(environment: NodeJS.ProcessEnv = process.env): void {
  const program = typeof PROGRAM_DIGEST === 'string' ? PROGRAM_DIGEST : undefined;
  if (program === undefined || environment.ARPG_COMPILE_CACHE === '0') return;
  keepModels({ store: resultStore(join(cacheFolder(environment), 'compiled'), LIMITS), program });
}
