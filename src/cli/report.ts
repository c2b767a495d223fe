import { readFileSync } from 'node:fs';
import { Errors } from '@oclif/core';
import { PeerFailure } from '../cluster/peers.js';
import { EXIT_CODES, OutputError, systemReason, UserError } from '../errors.js';
import { GraphError } from '../graph/graphError.js';
import { didYouMean, nearNames } from '../nearNames.js';
import { packageFile } from '../packageFiles.js';
import { valueFault } from './parserFaults.js';
import { oneLine, printMessage, printTrace } from './terminal.js';

const STDOUT = 'stdout';

/** The names of the commands, as the manifest lists them. */
function commandNames(): readonly string[] {
  const manifest = packageFile('oclif.manifest.json');
  const { commands } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly commands: object };
  return Object.keys(commands).map((id) => id.replaceAll(':', ' '));
}

/** Whether stack traces are wanted: `--debug`, or `DEBUG` naming this program. */
export function isDebugging(): boolean {
  return process.argv.includes('--debug') || /(^|[\s,])(arpg|\*)($|[\s,:])/.test(process.env.DEBUG ?? '');
}

/** What a failure ends the program with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UserError) return error.exitCode;
  if (error instanceof Errors.CLIError) return error.oclif.exit ?? EXIT_CODES.usage;
  return EXIT_CODES.unexpected;
}

/** What the parser says of a command line that it cannot take; of a flag or argument too many, with what was meant. */
interface ParserError extends Errors.CLIError {
  readonly flags?: readonly string[];
  readonly args?: readonly unknown[];
  readonly parse?: {
    readonly input?: {
      readonly flags?: Readonly<Record<string, { readonly hidden?: boolean }>>;
      readonly context?: { readonly id?: string };
    };
  };
}

/** A message that leads to the help. */
const ended = (text: string, command?: string): string =>
  `${text}${text.endsWith('?') ? ' See' : '; see'} ${command === undefined ? '' : `arpg ${command} `}--help`;

/** Flags that there are none of, with those that were probably meant. */
function describeFlags(flags: readonly string[], known: readonly string[]): string {
  return flags
    .map((flag) => {
      const near = nearNames(flag.replace(/^-+(no-)?/, ''), known).map((name) => `--${name}`);
      const meant = didYouMean(near);
      return `there is no flag ${flag}${meant === undefined ? '' : `; ${meant}`}`;
    })
    .join('; ');
}

/** The command line parser's messages without their headings, and with the flag or command that was probably meant. */
function describeUsage({ message, flags: wrong, args, parse }: ParserError): string {
  const said = message
    .replace(/^The following errors? occurred:/, '')
    .replace(/See more help with --help\s*$/, '');
  const text = valueFault(oneLine(said));
  const known = Object.keys(parse?.input?.flags ?? {});
  if (wrong !== undefined && parse !== undefined) return ended(describeFlags(wrong, known));
  if (/^Unexpected argument/.test(text) && known.includes('class') && args?.length === 1)
    return ended(`${text}; a class is named with --class`);
  const unknown = /^command (.+) not found\.?$/i.exec(text)?.[1]?.replaceAll(':', ' ');
  if (unknown === undefined) return ended(text);
  const nearest = nearNames(unknown, commandNames());
  const command = commandNames().find((name) => unknown.startsWith(`${name} `));
  if (command !== undefined && !nearest[0]?.startsWith(`${command} `))
    return ended(`${command} takes no argument '${unknown.slice(command.length + 1)}'`, command);
  const near = didYouMean(nearest);
  return `there is no command '${unknown}'; ${near === undefined ? 'see' : `${near} See`} arpg --help`;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UserError) return error.message;
  if (error instanceof Errors.CLIError) return describeUsage(error);
  const kind = error instanceof GraphError ? 'the model cannot run' : 'unexpected failure';
  return `${kind}: ${error.message}; run again with --debug for details`;
}

/** What the parser's own output, such as the help, failed with: all else that is written is named where it is. */
function asOutputError(error: unknown): unknown {
  const isUnnamed = error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'write';
  return isUnnamed ? new OutputError(`${STDOUT}: cannot be written: ${systemReason(error)}`, error) : error;
}

/** Prints one line about a failure on stderr, or all of it when debugging. Returns the exit code. */
export function reportFailure(failure: unknown): number {
  const error = asOutputError(failure);
  // Whoever read the output has seen enough.
  const isUnread =
    error instanceof OutputError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
  if (isUnread && error.message.startsWith(STDOUT)) return EXIT_CODES.done;
  const exitCode = exitCodeOf(error);
  // Whoever failed says it.
  if (exitCode === EXIT_CODES.done || error instanceof PeerFailure) return exitCode;
  printMessage(`arpg: ${describe(error)}`);
  if (isDebugging() && error instanceof Error) {
    printTrace(error.stack ?? '');
    if (error.cause !== undefined)
      printTrace(`caused by ${String((error.cause as Error).stack ?? error.cause)}`);
  }
  return exitCode;
}
