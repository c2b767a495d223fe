import { createRequire } from 'node:module';
import type { default as SharpLibrary, Sharp, SharpInput, SharpOptions } from 'sharp';

const require = createRequire(import.meta.url);

/** A picture for sharp to work on; the library is loaded when first used, since that takes a while. */
export function sharp(input: SharpInput, options?: SharpOptions): Sharp {
  return (require('sharp') as typeof SharpLibrary)(input, options);
}
