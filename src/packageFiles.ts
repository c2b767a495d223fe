import { fileURLToPath } from 'node:url';

/** The package's folder. It lies two floors above this file, and above the bundles that the program runs from. */
const ROOT = new URL('../../', import.meta.url);

/** The path of a file or folder that the package brings along. */
export function packageFile(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}
