import { GROUP_ORDER, GROUPS } from './flagGroups.js';

/** A flag as help, the man page and shell completion need it. */
export interface FlagShape {
  readonly name: string;
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly helpGroup?: string;
  readonly helpValue?: string | readonly string[];
  readonly options?: readonly string[];
  readonly required?: boolean;
  readonly multiple?: boolean;
  readonly allowNo?: boolean;
  readonly hidden?: boolean;
  readonly env?: string;
  readonly default?: unknown;
  readonly noCacheDefault?: boolean;
}

/** An argument likewise. */
export interface ArgShape {
  readonly name: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly options?: readonly string[];
  readonly default?: unknown;
}

/** A command as the manifest lists it. */
export interface CommandShape {
  /** Its words, with colons or spaces between. */
  readonly id: string;
  readonly summary?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly flags: Readonly<Record<string, Omit<FlagShape, 'name'> & { readonly name?: string }>>;
  readonly args: Readonly<Record<string, ArgShape>>;
  /** Whether more arguments than those named may come; false where they may. */
  readonly strict?: boolean;
  readonly hidden?: boolean;
}

/** What stands for the value of a flag. */
export function placeholderOf({ helpValue, options }: Pick<FlagShape, 'helpValue' | 'options'>): string {
  if (typeof helpValue === 'string') return helpValue;
  return helpValue?.[0] ?? (options ? 'NAME' : 'N');
}

/** `-c, --class NAME…`; with room for the short form where there is none. */
export function labelOf(flag: FlagShape): string {
  const long = `--${flag.allowNo ? '[no-]' : ''}${flag.name}`;
  const value = flag.type === 'option' ? ` ${placeholderOf(flag)}${flag.multiple ? '…' : ''}` : '';
  return `${flag.char ? `-${flag.char}, ` : '    '}${long}${value}`;
}

/** Names, those that are numbered one after the other as the first and the last: `scale.0 … scale.9`. */
function shortened(names: readonly string[]): readonly string[] {
  const parts = names.map((name) => /^(.+\.)(\d+)$/.exec(name));
  const follows = (at: number) => {
    const [own, before] = [parts[at], parts[at - 1]];
    return own && before && own[1] === before[1] && Number(own[2]) === Number(before[2]) + 1;
  };
  const isInside = (at: number) => follows(at) && follows(at + 1);
  return names.flatMap((name, at) => {
    if (isInside(at)) return isInside(at - 1) ? [] : ['…'];
    return [name];
  });
}

/** What there is to know of a flag, on one line. */
export function describeFlag(flag: FlagShape): string {
  const { options, env, required, default: usual } = flag;
  const isSaid = usual === undefined || usual === '' || usual === false || typeof usual === 'function';
  const notes = [
    ...(required ? ['required'] : []),
    ...(isSaid || flag.type === 'boolean' ? [] : [`default: ${String(usual)}`]),
    ...(env ? [`env: ${env}`] : []),
  ];
  return [
    flag.summary ?? flag.description ?? '',
    ...(options ? [`(${shortened(options).join(', ').replaceAll(', …, ', ' … ')})`] : []),
    ...(notes.length > 0 ? [`[${notes.join(', ')}]`] : []),
  ].join(' ');
}

/** An argument's place in the usage: `IMAGE`, `[FILE]`, `[IMAGES]…`. */
function argUsage({ name, required }: ArgShape, isLast: boolean, strict: boolean): string {
  const upper = name.toUpperCase();
  return `${required ? upper : `[${upper}]`}${isLast && !strict ? '…' : ''}`;
}

/** The one line of how a command is called: `sample --class NAME… [flags]`. */
export function usageOf({ id, args, flags, strict = true }: CommandShape): string {
  const places = Object.values(args);
  const required = flagsOf(flags).filter((flag) => flag.required);
  return [
    id.replaceAll(':', ' '),
    ...places.map((arg, index) => argUsage(arg, index === places.length - 1, strict)),
    ...required.map((flag) => labelOf({ ...flag, char: '' }).trim()),
    '[flags]',
  ].join(' ');
}

/** The flags that are shown. */
export function flagsOf(flags: CommandShape['flags']): readonly FlagShape[] {
  return Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, flag]) => ({ ...flag, name }));
}

/** What every command can be asked to say. */
const COMMON: readonly string[] = ['json', 'quiet', 'verbose'];

const commonLast = (flags: readonly FlagShape[]): readonly FlagShape[] => [
  ...flags.filter(({ name }) => !COMMON.includes(name)),
  ...flags.filter(({ name }) => COMMON.includes(name)),
];

/** Flags under their headings, in the order of the help; a command's own come first, under none. */
export function groupedFlags(
  flags: readonly FlagShape[],
): readonly { readonly group: string; readonly flags: readonly FlagShape[] }[] {
  return ['', ...GROUP_ORDER]
    .map((group) => ({ group, flags: commonLast(flags.filter(({ helpGroup = '' }) => helpGroup === group)) }))
    .filter(({ flags: own }) => own.length > 0);
}

/** The heading of a group of flags. */
export function headingOf(group: string): string {
  if (group === GROUPS.systems) return 'FLAGS OF SOME SYSTEMS';
  return group === '' ? 'FLAGS' : `${group.toUpperCase()} FLAGS`;
}

/** A description's paragraphs: lines that end in the middle of a sentence go on in the next. */
export function paragraphsOf(description: string): readonly string[] {
  return description
    .replace(/(?<![.:!?])\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/**
 * A command line in lines of a terminal, as a shell takes it: broken between words, with a backslash at the end.
 * Words in quotes stay whole.
 */
export function breakCommand(command: string, width: number): string {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  const lines: string[] = [];
  let line = '';
  for (const [index, word] of words.entries()) {
    const room = width - (index === words.length - 1 ? 0 : 2);
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(`${line} \\`);
      line = `    ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
