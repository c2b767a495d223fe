import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { isInnerPath } from '../download/hub.js';
import { quotable } from '../errors.js';
import { InputError, OutputError, systemReason } from '../index.js';
import { checkOutput } from './streams.js';

/** Where a path really lies, as far as it is there. @throws the system's error, also for links that lead nowhere. */
function realPlace(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false })) return realpathSync(path);
  const above = dirname(path);
  return above === path ? path : realPlace(above);
}

/** Hands out the places of pictures below a folder, each once. */
export class JobOutputs {
  private readonly taken = new Map<string, string>();
  private readonly root: string;

  /** @param folder that is there or can be made */
  constructor(private readonly folder: string) {
    this.root = resolve(folder);
  }

  /**
   * The place of a picture.
   * @param place the file and line that ask for it, for messages
   * @throws InputError when it lies elsewhere, also through links, or is another's; OutputError when nothing can be
   * written there.
   */
  take(output: string, place: string): string {
    const fail = (reason: string): never => {
      throw new InputError(`${place}: output '${quotable(output)}' ${reason}`);
    };
    if (!isInnerPath(output)) fail(`is not a path below ${this.folder}, such as cats/1.png`);
    // Some file systems take names for the same that differ in their case alone.
    const key = output.normalize('NFKC').toLowerCase();
    const other = this.taken.get(key);
    if (other !== undefined) fail(`is that of ${other}, too`);
    const path = join(this.folder, output);
    if (!this.holds(path)) fail(`leads out of ${this.folder} by a link`);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) fail('is a folder');
    checkOutput(path);
    this.taken.set(key, place);
    return path;
  }

  private holds(path: string): boolean {
    try {
      const root = realPlace(this.root);
      const real = realPlace(resolve(path));
      return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw new OutputError(`${path}: cannot be written: ${systemReason(error)}`, error);
    }
  }
}
