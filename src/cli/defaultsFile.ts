import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { InputError, quotable } from '../errors.js';
import { readJsonFile } from '../jsonFile.js';
import { didYouMean, nearNames } from '../nearNames.js';
import type { CommandShape, FlagShape } from './commandUsage.js';
import { GROUPS } from './flagGroups.js';
import { commandShapes } from './manifest.js';

/** The file in the working folder. */
const LOCAL_FILE = 'arpg.config.json';

/** A flag's value in a file. */
export type FlagValue = string | number | boolean | readonly (string | number)[];

/** What a file says: values for all commands that have such a flag and take the value, and for one command. */
export interface DefaultsFile {
  readonly path: string;
  /** Whether whoever wrote it is the user; a folder's file came with the folder. */
  readonly isOwn: boolean;
  readonly values: Readonly<Record<string, FlagValue | Readonly<Record<string, FlagValue>>>>;
}

/** The user's own file: in the folder for settings of the XDG rules. */
export function ownDefaultsPath({ XDG_CONFIG_HOME: xdg }: NodeJS.ProcessEnv = process.env): string {
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.config'), 'arpg', 'config.json');
}

/**
 * Groups of flags that a folder's file may set: how pictures are drawn and networks trained, and on what. Nothing that
 * writes, runs or sends is among them.
 */
const LOCAL_GROUPS: readonly string[] = [
  GROUPS.model,
  GROUPS.sampling,
  GROUPS.training,
  GROUPS.machine,
  GROUPS.systems,
];
const LOCAL_NAMES: ReadonlySet<string> = new Set([
  'quiet',
  'verbose',
  'format',
  'quality',
  'class',
  'count',
  'scale',
]);
/** Files that would be loaded. */
const NEVER_LOCAL: ReadonlySet<string> = new Set(['perceptual', 'host', 'token', 'port']);

/** Whether a file that came with a folder may set a flag. */
export function isLocallySettable({ name, helpGroup = '' }: Pick<FlagShape, 'name' | 'helpGroup'>): boolean {
  return !NEVER_LOCAL.has(name) && (LOCAL_NAMES.has(name) || LOCAL_GROUPS.includes(helpGroup));
}

type Schema = Readonly<Record<string, unknown>>;

/** The JSON schema of a flag's value. */
function schemaOfFlag({ type, options, multiple }: FlagShape): Schema {
  if (type === 'boolean') return { type: 'boolean' };
  const one = options ? { enum: [...options] } : { type: ['string', 'number'] };
  return multiple ? { anyOf: [one, { type: 'array', items: one, minItems: 1 }] } : one;
}

/** The flags of all commands that one name may stand for. */
function flagsNamed(commands: readonly CommandShape[]): ReadonlyMap<string, readonly FlagShape[]> {
  const named = new Map<string, FlagShape[]>();
  for (const { flags } of commands)
    for (const [name, flag] of Object.entries(flags)) {
      const own = named.get(name) ?? [];
      own.push({ ...flag, name });
      named.set(name, own);
    }
  return named;
}

/** A JSON schema of the whole file. */
export function defaultsSchema(commands: readonly CommandShape[]): Schema {
  const perCommand = commands.map(({ id, flags }): [string, Schema] => [
    id.replaceAll(':', ' '),
    {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(
        Object.entries(flags).map(([name, flag]) => [name, schemaOfFlag({ ...flag, name })]),
      ),
    },
  ]);
  const shared = [...flagsNamed(commands)].map(([name, flags]): [string, Schema] => {
    const schemas = [...new Set(flags.map((flag) => JSON.stringify(schemaOfFlag(flag))))];
    return [name, { anyOf: schemas.map((schema) => JSON.parse(schema) as Schema) }];
  });
  const properties = Object.fromEntries(shared);
  for (const [id, schema] of perCommand)
    properties[id] = properties[id] ? { anyOf: [schema, properties[id]] } : schema;
  return { type: 'object', additionalProperties: false, properties };
}

/** What is wrong with a file, with what was probably meant. */
function faultOf(errors: readonly ErrorObject[], commands: readonly CommandShape[]): string {
  // The deepest is the one that the others follow from.
  const deepest = [...errors].sort((a, b) => b.instancePath.length - a.instancePath.length)[0]!;
  const { params, instancePath } = deepest;
  const place = instancePath.slice(1).replaceAll('/', '.');
  const unknown = (params as { additionalProperty?: string }).additionalProperty;
  if (unknown !== undefined) {
    const command = commands.find(({ id }) => id.replaceAll(':', ' ') === place);
    const names = command
      ? Object.keys(command.flags)
      : [...flagsNamed(commands).keys(), ...commands.map(({ id }) => id.replaceAll(':', ' '))];
    const what = command ? `no flag of ${place}` : 'neither a flag nor a command';
    return [`'${quotable(unknown)}' is ${what}`, didYouMean(nearNames(unknown, names))]
      .filter((part) => part !== undefined)
      .join('; ');
  }
  const allowed = (params as { allowedValues?: readonly unknown[] }).allowedValues;
  const what = place === '' ? 'the file' : `'${quotable(place)}'`;
  return `${what} ${allowed ? `must be one of ${allowed.join(', ')}` : deepest.message}`;
}

/** Flags that mean one thing in one command and another elsewhere cannot be set for all. */
function ambiguityOf(name: string, commands: readonly CommandShape[]): string | undefined {
  const groups = new Set((flagsNamed(commands).get(name) ?? []).map(({ helpGroup = '' }) => helpGroup));
  const having = commands.filter(({ flags }) => Object.hasOwn(flags, name));
  if (groups.size < 2) return undefined;
  const example = having[0]!.id.replaceAll(':', ' ');
  return `'${name}' means different things in ${having.map(({ id }) => id.replaceAll(':', ' ')).join(', ')}; set it for one, as in {"${example}": {"${name}": …}}`;
}

const isSection = (value: unknown): value is Readonly<Record<string, FlagValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first value that a folder's file may not set; undefined where there is none. */
function untrustedSetting(
  values: DefaultsFile['values'],
  commands: readonly CommandShape[],
): string | undefined {
  const named = flagsNamed(commands);
  const isAllowed = (name: string) => (named.get(name) ?? []).every((flag) => isLocallySettable(flag));
  for (const [name, value] of Object.entries(values)) {
    if (!isSection(value)) {
      if (!isAllowed(name)) return name;
      continue;
    }
    const own = commands.find(({ id }) => id.replaceAll(':', ' ') === name);
    for (const flag of Object.keys(value))
      if (!isLocallySettable({ ...own!.flags[flag], name: flag })) return `${name}.${flag}`;
  }
  return undefined;
}

/** What a file says. @throws InputError naming the file and what is wrong in it. */
export function readDefaults(path: string, isOwn: boolean): DefaultsFile {
  const commands = commandShapes();
  const check = new Ajv({ allErrors: true, strict: false, meta: false, validateSchema: false }).compile(
    defaultsSchema(commands),
  );
  const values: unknown = readJsonFile(path);
  if (!check(values)) throw new InputError(`${path}: ${faultOf(check.errors ?? [], commands)}`);
  const checked = values as DefaultsFile['values'];
  for (const [name, value] of Object.entries(checked)) {
    const ambiguity = isSection(value) ? undefined : ambiguityOf(name, commands);
    if (ambiguity !== undefined) throw new InputError(`${path}: ${ambiguity}`);
  }
  const untrusted = isOwn ? undefined : untrustedSetting(checked, commands);
  if (untrusted !== undefined)
    throw new InputError(
      `${path}: '${untrusted}' may not be set by a file that came with a folder; set it in ${ownDefaultsPath()} or on the command line`,
    );
  return { path, isOwn, values: checked };
}

/** Where files with defaults lie, the strongest first. */
export function defaultsPlaces(): readonly Pick<DefaultsFile, 'path' | 'isOwn'>[] {
  return [
    { path: LOCAL_FILE, isOwn: false },
    { path: ownDefaultsPath(), isOwn: true },
  ].filter(({ path }) => existsSync(path));
}

/**
 * The files with defaults, the strongest first: that of the working folder, then the user's own.
 * @throws InputError naming the file and what is wrong in it.
 */
export function defaultsFiles(): readonly DefaultsFile[] {
  return defaultsPlaces().map(({ path, isOwn }) => readDefaults(path, isOwn));
}

/** A value that a file gives a command's flag. */
export interface FileDefault {
  readonly name: string;
  readonly value: FlagValue;
  readonly file: DefaultsFile;
}

/** Whether a command's flag takes a value. */
function takes(flag: FlagShape, value: FlagValue): boolean {
  const values = Array.isArray(value) ? value : [value];
  if (flag.type === 'boolean') return typeof value === 'boolean';
  return flag.options === undefined || values.every((one) => flag.options!.includes(String(one)));
}

/** What the files say about the flags of a command: what is said of it alone goes before what is said of all. */
export function defaultsOf(
  id: string,
  flags: Readonly<Record<string, FlagShape>>,
  files: readonly DefaultsFile[],
): readonly FileDefault[] {
  const found = new Map<string, FileDefault>();
  for (const file of files) {
    const section = file.values[id.replaceAll(':', ' ')];
    const own = isSection(section) ? Object.entries(section) : [];
    const shared = Object.entries(file.values).filter(
      (entry): entry is [string, FlagValue] => !isSection(entry[1]),
    );
    const fitting = shared.filter(([name, value]) => flags[name] && takes(flags[name], value));
    for (const [name, value] of [...own, ...fitting])
      if (!found.has(name)) found.set(name, { name, value, file });
  }
  return [...found.values()];
}

/** What a file sets, as in `model=emoji, sample.steps=32`. */
export function describeDefaults({ values }: DefaultsFile): string {
  const said = Object.entries(values).flatMap(([name, value]) =>
    isSection(value)
      ? Object.entries(value).map(([flag, own]) => `${name}.${flag}=${String(own)}`)
      : [`${name}=${String(value)}`],
  );
  return said.join(', ') || 'nothing';
}
