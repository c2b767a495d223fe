// Whether the Node.js that runs this can be brought along.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The program and its licence; undefined where it is spread over libraries, or its licence is not found.
 * @returns paths of both
 */
export function nodeBinary() {
  const program = process.execPath;
  const folder = dirname(program);
  const licence = [
    join(folder, 'LICENSE'),
    join(folder, '../LICENSE'),
    join(folder, '../share/doc/nodejs/LICENSE'),
    join(folder, '../share/doc/node/LICENSE'),
  ].find((path) => existsSync(path));
  const isWhole = !process.config.variables.node_shared;
  return isWhole && licence !== undefined ? { program, licence } : undefined;
}
