import { readFileSync } from 'node:fs';
import { Errors } from '@oclif/core';
import { closest } from 'fastest-levenshtein';
import { EXIT_CODES, OutputError, systemReason, UserError } from '../errors.js';
import { GraphError } from '../graph/graphError.js';
import { packageFile } from '../packageFiles.js';
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

function exitCodeOf(error: unknown): number {
  if (error instanceof UserError) return error.exitCode;
  if (error instanceof Errors.CLIError) return error.oclif.exit ?? EXIT_CODES.usage;
  return EXIT_CODES.unexpected;
}

/** The command line parser's messages without their headings, and with the command that was probably meant. */
function describeUsage(message: string): string {
  const text = oneLine(
    message.replace(/^The following errors? occurred:/, '').replace(/See more help with --help\s*$/, ''),
  );
  const unknown = /^command (.+) not found$/.exec(text)?.[1];
  if (unknown === undefined) return `${text}; see --help`;
  return `there is no command '${unknown}'; did you mean '${closest(unknown, commandNames())}'? See arpg --help`;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UserError) return error.message;
  if (error instanceof Errors.CLIError) return describeUsage(error.message);
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
  if (exitCode === EXIT_CODES.done) return exitCode;
  printMessage(`arpg: ${describe(error)}`);
  if (isDebugging() && error instanceof Error) {
    printTrace(error.stack ?? '');
    if (error.cause !== undefined)
      printTrace(`caused by ${String((error.cause as Error).stack ?? error.cause)}`);
  }
  return exitCode;
}
