import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_MODEL, findModelPlaces, modelFolder } from '../../modelPlaces.js';
import { type CommandShape, type FlagShape, flagsOf } from '../commandUsage.js';
import { commandName } from '../manifest.js';
import { readLine, type TypedLine } from './commandLine.js';

/** What a word can be completed to. */
export interface Completion {
  readonly word: string;
  readonly description?: string;
}

/** Completions; undefined where files are meant, which the shell knows itself. */
export type Completions = readonly Completion[] | undefined;

/** Larger than any list of names. */
const MAX_LABELS_BYTES = 8 * 2 ** 20;

/** Names of a model's classes, whole ones and last parts of them, and of their groups; none where there is no list. */
function classNames(folder: string): readonly string[] {
  try {
    const path = join(folder, 'labels.json');
    if (statSync(path).size > MAX_LABELS_BYTES) return [];
    const labels = Object.values(JSON.parse(readFileSync(path, 'utf8')) as object).filter(
      (label) => typeof label === 'string',
    );
    const names = labels.flatMap((label) => {
      const parts = label.split('/');
      const groups = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
      // Of several names, each is one.
      return [...groups, label, ...label.split(',').map((name) => name.trim()), parts.at(-1)!];
    });
    return [...new Set(names)];
  } catch {
    // Whoever runs the command will hear what is wrong with the model.
    return [];
  }
}

/** The folder of the model that a command line is about. */
function modelOf(name: string | undefined): string {
  return modelFolder(name ?? (process.env.ARPG_MODEL || DEFAULT_MODEL));
}

const starting = (prefix: string, completions: readonly Completion[]): readonly Completion[] =>
  completions.filter(({ word }) => word.toLowerCase().startsWith(prefix.toLowerCase()));

/** Models by name; none that is a path, which the shell completes. */
function models(): readonly Completion[] {
  return findModelPlaces().map(({ name, origin }) => ({ word: name, description: origin }));
}

/** The next words of commands that begin with those that are there. */
function commandWords(prefix: string, commands: readonly CommandShape[]): readonly Completion[] {
  const before = prefix.split(' ').length - 1;
  return commands
    .filter((command) => commandName(command).startsWith(prefix))
    .map((command) => ({
      word: commandName(command).split(' ')[before]!,
      ...(command.summary && { description: command.summary }),
    }))
    .filter(({ word }, index, all) => all.findIndex((other) => other.word === word) === index);
}

function flagWords({ command, given }: TypedLine, prefix: string): readonly Completion[] {
  const flags = flagsOf(command!.flags).filter(({ name, multiple }) => multiple || !given.has(name));
  const words = flags.flatMap(({ name, char, allowNo, description = '' }) => [
    { word: `--${name}`, description },
    ...(allowNo ? [{ word: `--no-${name}`, description }] : []),
    ...(char && prefix === '-' ? [{ word: `-${char}`, description }] : []),
  ]);
  return starting(prefix, [...words, { word: '--help', description: 'show what the command does' }]);
}

function valueWords(flag: FlagShape, prefix: string, line: TypedLine): Completions {
  const { name, options, helpValue } = flag;
  if (options)
    return starting(
      prefix,
      options.map((word) => ({ word })),
    );
  if (name === 'class')
    return starting(
      prefix,
      classNames(modelOf(line.given.get('model'))).map((word) => ({ word })),
    );
  if (name === 'model') {
    const known = starting(prefix, models());
    return known.length > 0 ? known : undefined;
  }
  if (name === 'target')
    return starting(
      prefix,
      targetsIn(flag).map((word) => ({ word })),
    );
  if (name === 'order') return prefix === '' ? [{ word: 'random' }, { word: 'raster' }] : undefined;
  const value = typeof helpValue === 'string' ? helpValue : helpValue?.[0];
  // What stands for numbers and texts has nothing to complete.
  return /FILE|DIR|PATH|RUN|PICTURE/.test(value ?? '') ? undefined : [];
}

/** The targets, which the description of the flag lists. */
function targetsIn({ description = '' }: FlagShape): readonly string[] {
  return description.split(': ').at(-1)!.split(', ');
}

/**
 * What the last of the words can be completed to.
 * @param words after the program's name; the last, which may be empty, is being typed
 */
export function complete(words: readonly string[], commands: readonly CommandShape[]): Completions {
  const line = readLine(words, commands);
  const { wanted, command, places } = line;
  switch (wanted.kind) {
    case 'command':
      return commandWords(wanted.prefix, commands);
    case 'flag':
      return flagWords(line, wanted.prefix);
    case 'value': {
      const found = valueWords(wanted.flag, wanted.prefix, line);
      return found?.map((one) => ({ ...one, word: `${wanted.before}${one.word}` }));
    }
    case 'argument': {
      const further =
        places.length === 0 ? commandWords(`${commandName(command!)} ${wanted.prefix}`, commands) : [];
      if (command!.id === 'help') return commandWords([...places, wanted.prefix].join(' '), commands);
      if (further.length > 0 && (wanted.prefix !== '' || wanted.arg === undefined)) return further;
      return argumentWords(line, wanted.prefix);
    }
  }
}

function argumentWords({ command, wanted, places }: TypedLine, prefix: string): Completions {
  const arg = wanted.kind === 'argument' ? wanted.arg : undefined;
  const names: readonly Completion[] | undefined =
    arg?.options?.map((word) => ({ word })) ??
    (command!.id === 'models' && places.length === 0 ? models() : undefined) ??
    (command!.id === 'models' && places.length === 1
      ? classNames(modelOf(places[0])).map((word) => ({ word }))
      : undefined);
  if (names) return starting(prefix, names);
  return arg === undefined ? [] : undefined;
}
