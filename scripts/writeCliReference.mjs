// Writes docs/CLI.md, the reference of all commands, from the manifest that `npm run build` makes of them. With --check
// it writes nothing and ends with 1 where the page is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const manifest = JSON.parse(readFileSync(new URL('../oclif.manifest.json', import.meta.url), 'utf8'));
const page = new URL('../docs/CLI.md', import.meta.url);

const commands = Object.values(manifest.commands)
  .filter(({ hidden }) => !hidden)
  .sort((a, b) => (a.id < b.id ? -1 : 1));

/** Text with the program's name in it, and without what Markdown would take for its own. */
const named = (text) => text.replaceAll('<%= config.bin %>', 'arpg').replaceAll('<%= command.id %>', '');
const escaped = (text) => named(text).replaceAll(/[<|*_]/g, (letter) => `\\${letter}`);
const cell = (text) => escaped(text).replaceAll(/\s+/g, ' ').trim();
/** Lines of one paragraph joined, paragraphs kept. */
const paragraphs = (text) =>
  escaped(text)
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
    .join('\n\n');

const nameOf = ({ id }) => `arpg ${id.replaceAll(':', ' ')}`;
const anchorOf = (command) => nameOf(command).replaceAll(' ', '-');
const table = (head, rows) => [
  `| ${head.join(' | ')} |`,
  `| ${head.map(() => '---').join(' | ')} |`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];

const flagsOf = ({ flags = {} }) => Object.values(flags).filter(({ hidden }) => !hidden);
const byName = (a, b) => (a.name < b.name ? -1 : 1);

/** Flags that every command has, alike. */
const common = flagsOf(commands[0])
  .filter((flag) => commands.every(({ flags }) => isDeepStrictEqual(flags[flag.name], flag)))
  .sort(byName);
const isCommon = ({ name }) => common.some((flag) => flag.name === name);

function spelling({ char, name, type, helpValue, options, allowNo }) {
  const value = type === 'boolean' ? '' : ` ${helpValue ?? (options === undefined ? 'N' : 'NAME')}`;
  const long = allowNo ? `--[no-]${name}` : `--${name}`;
  return `${char === undefined ? '' : `\`-${char}\`, `}\`${long}${value}\``;
}

function notes({ required, multiple, options, default: value, env, exclusive, dependsOn }) {
  const names = (list) => list.map((name) => `\`--${name}\``).join(', ');
  return [
    ...(required ? ['Required.'] : []),
    ...(multiple ? ['May be repeated.'] : []),
    ...(options?.length ? [`One of ${options.map((option) => `\`${option}\``).join(', ')}.`] : []),
    ...(value === undefined || value === false ? [] : [`Default: ${cell(String(value))}.`]),
    ...(env === undefined ? [] : [`Environment: \`${env}\`.`]),
    ...(exclusive?.length ? [`Not with ${names(exclusive)}.`] : []),
    ...(dependsOn?.length ? [`Only with ${names(dependsOn)}.`] : []),
  ];
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
const flagRow = (flag) => [
  spelling(flag),
  [sentence(cell(flag.summary ?? flag.description ?? '')), ...notes(flag)].join(' '),
];

function flagTables(flags) {
  const groups = new Map();
  for (const flag of [...flags].sort(byName)) {
    const group = flag.helpGroup ?? 'FLAGS';
    groups.set(group, [...(groups.get(group) ?? []), flag]);
  }
  return [...groups].flatMap(([group, members]) => [
    '',
    ...(groups.size === 1 ? [] : [`${sentence(group.toLowerCase()).slice(0, -1)}:`, '']),
    ...table(['flag', 'meaning'], members.map(flagRow)),
  ]);
}

function section(command) {
  const { args = {}, summary, description, examples = [] } = command;
  const own = flagsOf(command).filter((flag) => !isCommon(flag));
  const taken = Object.values(args).filter(({ hidden }) => !hidden);
  const usage = taken.map(({ name, required }) => {
    const upper = name.toUpperCase();
    return required ? upper : `[${upper}]`;
  });
  const shown = examples.map((example) => (typeof example === 'string' ? example : example.command));
  return [
    '',
    `## ${nameOf(command)}`,
    '',
    ...(summary === undefined ? [] : [escaped(summary), '']),
    '```text',
    [nameOf(command), ...usage, '[FLAGS]'].join(' '),
    '```',
    ...(description === undefined ? [] : ['', paragraphs(description)]),
    ...(taken.length === 0
      ? []
      : [
          '',
          ...table(
            ['argument', 'meaning'],
            taken.map((arg) => [
              `\`${arg.name.toUpperCase()}\``,
              [sentence(cell(arg.description ?? '')), ...notes({ ...arg, required: false })].join(' '),
            ]),
          ),
        ]),
    ...flagTables(own),
    ...(shown.length === 0 ? [] : ['', '```text', ...shown.map(named), '```']),
  ];
}

const text = `${[
  '# Command reference',
  '',
  'Made of the commands by `npm run docs:cli`; `arpg COMMAND --help` says the same in a terminal. [GUIDE.md](GUIDE.md) shows',
  'how they are used together, and [TROUBLESHOOTING.md](TROUBLESHOOTING.md) what their messages and exit codes mean.',
  '',
  ...table(
    ['command', 'does'],
    commands.map((command) => [
      `[\`${nameOf(command)}\`](#${anchorOf(command)})`,
      cell(command.summary ?? ''),
    ]),
  ),
  '',
  '## Flags of all commands',
  ...flagTables(common.map(({ helpGroup: _, ...flag }) => flag)),
  ...commands.flatMap(section),
].join('\n')}\n`;

if (process.argv[2] !== '--check') writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  process.stderr.write('docs/CLI.md is not what the commands say; write it anew with npm run docs:cli\n');
  process.exitCode = 1;
}
