import { EXIT_MEANINGS } from '../errors.js';
import {
  type CommandShape,
  describeFlag,
  type FlagShape,
  flagsOf,
  groupedFlags,
  headingOf,
  labelOf,
  paragraphsOf,
  usageOf,
} from './commandUsage.js';
import { GROUPS } from './flagGroups.js';
import { commandName } from './manifest.js';

/** What the page says of the program as a whole. */
export interface ProgramFacts {
  readonly version: string;
  readonly description: string;
  /** Environment variables, and what they do. */
  readonly environment: readonly (readonly [name: string, meaning: string])[];
}

/** The variables that the program reads. */
export const ENVIRONMENT: ProgramFacts['environment'] = [
  ['ARPG_MODEL', 'the model that commands use where none is named'],
  ['ARPG_MODELS', 'folders in which models lie, separated as in PATH'],
  ['ARPG_CACHE', 'where downloads and compiled models are kept (default: arpg in XDG_CACHE_HOME)'],
  ['ARPG_COMPILE_CACHE', '0 keeps no compiled models'],
  ['ARPG_OFFLINE', 'pulls from the cache alone'],
  ['ARPG_TOKEN', 'what clients of arpg serve must send'],
  [
    'ARPG_MPI',
    'the library of MPI that joins processes (default: the usual names, that of the launcher first)',
  ],
  [
    'ARPG_SHARDS',
    'how many pods an indexed job of Kubernetes has, each of which does the part of its JOB_COMPLETION_INDEX; 1 lets every process do all, whatever mpirun, srun or a job array say',
  ],
  [
    'OMPI_COMM_WORLD_RANK, PMI_RANK, SLURM_PROCID, SLURM_STEP_ID, SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_COUNT, SLURM_ARRAY_TASK_STEP, JOB_COMPLETION_INDEX',
    'set by mpirun, srun, job arrays and indexed jobs: which of several processes this is',
  ],
  ['HF_ENDPOINT', 'base URL of the hub'],
  ['HF_TOKEN', 'sent to the hub'],
  ['HTTP_PROXY, HTTPS_PROXY, NO_PROXY', 'are honoured by downloads'],
  ['DEBUG', 'naming arpg prints stack traces of failures'],
];

/** Text that troff prints as it is, in ASCII. */
function escaped(text: string): string {
  const code = (character: string) => character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
    .replace(/[^\p{ASCII}]/gu, (character) => `\\[u${code(character)}]`);
}

const template = (text: string): string => text.replaceAll('<%= config.bin %>', 'arpg');

const item = (label: string, text: string): string => `.TP\n.B ${escaped(label)}\n${escaped(text)}`;

/** Flags that every command has, which the page lists once. */
function isCommon({ name }: FlagShape, commands: readonly CommandShape[]): boolean {
  return commands.every(({ flags }) => Object.hasOwn(flags, name));
}

const items = (flags: readonly FlagShape[]): readonly string[] =>
  flags.map((flag) => item(labelOf(flag).trim(), describeFlag(flag)));

function sectionOf(command: CommandShape, commands: readonly CommandShape[]): readonly string[] {
  const own = flagsOf(command.flags).filter((flag) => !isCommon(flag, commands));
  const args = Object.values(command.args).map((arg) => item(arg.name.toUpperCase(), arg.description ?? ''));
  const groups = groupedFlags(own).flatMap(({ group, flags }) => [
    ...(group === '' ? [] : [`.PP\n.I ${escaped(headingOf(group))}`]),
    ...items(flags),
  ]);
  const examples = (command.examples ?? []).map((example) => escaped(template(String(example))));
  return [
    `.SS ${escaped(commandName(command))}`,
    `.B arpg ${escaped(usageOf(command))}`,
    ...[command.summary ?? '', ...paragraphsOf(template(command.description ?? ''))]
      .filter((text) => text !== '')
      .map((text) => `.PP\n${escaped(text)}`),
    ...args,
    ...groups,
    ...(examples.length > 0 ? ['.PP\nExamples:', '.PP\n.nf', examples.join('\n'), '.fi'] : []),
  ];
}

/** The manual page of the program, with all commands and their flags, as troff's man macros have it. */
export function manPage(commands: readonly CommandShape[], facts: ProgramFacts): string {
  const listed = [...commands].sort((a, b) => (a.id < b.id ? -1 : 1));
  const common = flagsOf(listed[0]!.flags).filter((flag) => isCommon(flag, listed));
  const ordered = groupedFlags(common.map((flag) => ({ ...flag, helpGroup: GROUPS.output })));
  return [
    `.TH ARPG 1 "" "arpg ${facts.version}" "User Commands"`,
    '.SH NAME',
    'arpg \\- images from class labels by autoregressive generation with randomized parallel decoding',
    '.SH SYNOPSIS',
    '.B arpg\n.I COMMAND\n[flags]',
    '.SH DESCRIPTION',
    escaped(facts.description),
    '.PP\nImages and tokens flow through standard input and output, named \\-; all else is said on standard error.',
    '.SH OPTIONS',
    'All commands take these.',
    ...ordered.flatMap(({ flags }) => items(flags)),
    item('-h, --help', 'show what a command does'),
    '.SH COMMANDS',
    ...listed.flatMap((command) => sectionOf(command, listed)),
    '.SH EXIT STATUS',
    ...EXIT_MEANINGS.map(([code, meaning]) => item(String(code), meaning)),
    '.SH ENVIRONMENT',
    ...facts.environment.map(([name, meaning]) => item(name, meaning)),
    '.SH FILES',
    item(
      'arpg.config.json',
      'defaults of flags for the working folder; nothing that writes, runs or sends may be set there',
    ),
    item('$XDG_CONFIG_HOME/arpg/config.json', "the user's own defaults (~/.config where that is not set)"),
    '',
  ].join('\n');
}
