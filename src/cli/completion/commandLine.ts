import { commandName } from '../manifest.js';
import type { ArgShape, CommandShape, FlagShape } from '../commandUsage.js';

/** What a command line that is being typed stands at. */
export type Wanted =
  | { readonly kind: 'command'; readonly prefix: string }
  | { readonly kind: 'flag'; readonly prefix: string }
  | { readonly kind: 'value'; readonly flag: FlagShape; readonly prefix: string; readonly before: string }
  | { readonly kind: 'argument'; readonly arg: ArgShape | undefined; readonly prefix: string };

/** A command line that is being typed. */
export interface TypedLine {
  /** Undefined where the words are of none yet. */
  readonly command: CommandShape | undefined;
  readonly wanted: Wanted;
  /** Flags with the values that were given. */
  readonly given: ReadonlyMap<string, string>;
  /** Arguments that were given. */
  readonly places: readonly string[];
}

/** The command that the first words name, the one of most words, and how many these are. */
export function commandOf(
  words: readonly string[],
  commands: readonly CommandShape[],
): { readonly command: CommandShape; readonly length: number } | undefined {
  return commands
    .map((command) => ({ command, parts: commandName(command).split(' ') }))
    .filter(({ parts }) => parts.every((part, index) => words[index] === part))
    .sort((a, b) => b.parts.length - a.parts.length)
    .map(({ command, parts }) => ({ command, length: parts.length }))[0];
}

function flagNamed(word: string, { flags }: CommandShape): FlagShape | undefined {
  const long = /^--([^=]+)/.exec(word)?.[1];
  const short = /^-(\w)$/.exec(word)?.[1];
  for (const [name, flag] of Object.entries(flags))
    if (name === long || (short !== undefined && flag.char === short)) return { ...flag, name };
  return undefined;
}

/**
 * What the last of the words can be completed to.
 * @param words after the program's name; the last, which may be empty, is being typed
 */
export function readLine(words: readonly string[], commands: readonly CommandShape[]): TypedLine {
  const typed = words.at(-1) ?? '';
  const done = words.slice(0, -1);
  const found = commandOf(done, commands);
  if (!found)
    return {
      command: undefined,
      given: new Map(),
      places: [],
      wanted: { kind: 'command', prefix: words.join(' ') },
    };
  const { command, length } = found;
  const given = new Map<string, string>();
  const places: string[] = [];
  let open: FlagShape | undefined;
  let isRest = false;
  for (const word of done.slice(length)) {
    if (open) {
      given.set(open.name, word);
      open = undefined;
    } else if (isRest || !word.startsWith('-') || word === '-') places.push(word);
    else if (word === '--') isRest = true;
    else {
      const flag = flagNamed(word, command);
      const equals = word.indexOf('=');
      if (flag && equals > 0) given.set(flag.name, word.slice(equals + 1));
      else if (flag?.type === 'option') open = flag;
    }
  }
  return { command, given, places, wanted: wantedAt(typed, command, places, open, isRest) };
}

function wantedAt(
  typed: string,
  command: CommandShape,
  places: readonly string[],
  open: FlagShape | undefined,
  isRest: boolean,
): Wanted {
  if (open) return { kind: 'value', flag: open, prefix: typed, before: '' };
  const equals = typed.indexOf('=');
  const flag = !isRest && typed.startsWith('--') && equals > 0 ? flagNamed(typed, command) : undefined;
  if (flag)
    return { kind: 'value', flag, prefix: typed.slice(equals + 1), before: typed.slice(0, equals + 1) };
  if (!isRest && typed.startsWith('-')) return { kind: 'flag', prefix: typed };
  const args = Object.values(command.args);
  const arg = args[places.length] ?? (command.strict === false ? args.at(-1) : undefined);
  return { kind: 'argument', arg, prefix: typed };
}
