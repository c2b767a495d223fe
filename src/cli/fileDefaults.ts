import { existsSync } from 'node:fs';
import type { Command, Interfaces } from '@oclif/core';
import { InputError } from '../errors.js';
import type { FlagShape } from './commandUsage.js';
import { valueFault } from './parserFaults.js';
import { defaultsFiles, defaultsOf, type FileDefault, type FlagValue } from './defaultsFile.js';

type Flags = Interfaces.FlagInput;
type Parse = (input: string, context: Command, flag: object) => Promise<unknown>;

const shapesOf = (flags: Flags): Readonly<Record<string, FlagShape>> =>
  Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [name, { ...(flag as unknown as FlagShape), name }]),
  );

/** A file's value as the flag would have it from the command line. @throws InputError naming the file and the flag. */
async function parsed({ name, value, file }: FileDefault, flags: Flags, command: Command): Promise<unknown> {
  const flag = flags[name]!;
  if (typeof value === 'boolean') return value;
  const one = async (text: FlagValue) => {
    try {
      return await (flag.parse as Parse)(String(text), command, { ...flag, name });
    } catch (error) {
      const fault = valueFault((error as Error).message.split('\n')[0]!);
      throw new InputError(`${file.path}: '${name}': ${fault}`, error);
    }
  };
  if (!(flag as unknown as FlagShape).multiple) {
    const made = await one(value);
    // A folder that came from elsewhere must not make the program fetch anything.
    if (name === 'model' && !file.isOwn && !existsSync(String(made)))
      throw new InputError(
        `${file.path}: model '${String(value)}' is not there; name a folder, or a model that 'arpg models' lists`,
      );
    return made;
  }
  return Promise.all((Array.isArray(value) ? value : [value]).map(one));
}

/** Flags whose defaults are those that files give, and which these are. */
export interface FlagsWithDefaults {
  readonly flags: Flags;
  readonly fromFiles: readonly string[];
}

/**
 * A command's flags with the defaults that `arpg.config.json` and the user's own file give them.
 * @throws InputError naming the file and what is wrong in it.
 */
export async function withFileDefaults(
  id: string,
  flags: Flags,
  command: Command,
): Promise<FlagsWithDefaults> {
  const given = defaultsOf(id, shapesOf(flags), defaultsFiles());
  const changed: Record<string, Flags[string]> = { ...flags };
  for (const own of given)
    changed[own.name] = {
      ...flags[own.name]!,
      default: await parsed(own, flags, command),
      required: false,
    } as Flags[string];
  return { flags: changed, fromFiles: given.map(({ name }) => name) };
}

/** What the parser tells of a flag's value. */
export interface FlagMetadata {
  readonly setFromDefault?: boolean;
}

/**
 * Settles a parsed command line: what files say counts as said, but not where it does not go with what the command line
 * says.
 */
export function settleDefaults(
  values: Record<string, unknown>,
  metadata: Record<string, FlagMetadata>,
  flags: Flags,
  fromFiles: readonly string[],
): void {
  const isGiven = (name: string) => values[name] !== undefined && metadata[name]?.setFromDefault !== true;
  const exclusions = (name: string): readonly string[] => [
    ...((flags[name]!.exclusive ?? []) as readonly string[]),
    ...Object.keys(flags).filter((other) =>
      ((flags[other]!.exclusive ?? []) as readonly string[]).includes(name),
    ),
  ];
  const kept = fromFiles.filter((name) => {
    if (isGiven(name)) return false;
    if (!exclusions(name).some(isGiven)) return true;
    values[name] = typeof values[name] === 'boolean' ? false : undefined;
    return false;
  });
  for (const name of kept) metadata[name] = { setFromDefault: false };
}
