import { readFileSync } from 'node:fs';
import { packageFile } from '../packageFiles.js';
import type { CommandShape } from './commandUsage.js';

/** The commands and their flags, as the build writes them down, so that none has to be loaded. Hidden ones are left out. */
export function commandShapes(): readonly CommandShape[] {
  const text = readFileSync(packageFile('oclif.manifest.json'), 'utf8');
  const { commands } = JSON.parse(text) as { readonly commands: Readonly<Record<string, CommandShape>> };
  return Object.values(commands).filter(({ hidden }) => !hidden);
}

/** The words of a command. */
export function commandName({ id }: Pick<CommandShape, 'id'>): string {
  return id.replaceAll(':', ' ');
}
