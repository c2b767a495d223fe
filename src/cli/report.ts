import { readFileSync } from 'node:fs';
import { Errors } from '@oclif/core';
import { closest } from 'fastest-levenshtein';
import { EXIT_CODES, UserError } from '../errors.js';
import { GraphError } from '../graph/graphError.js';

/** The names of the commands, as the manifest lists them. */
function commandNames(): readonly string[] {
  const manifest = new URL('../../../oclif.manifest.json', import.meta.url);
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

function oneLine(text: string): string {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join('; ');
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
  if (error instanceof UserError) return oneLine(error.message);
  if (error instanceof Errors.CLIError) return describeUsage(error.message);
  const kind = error instanceof GraphError ? 'the model cannot run' : 'unexpected failure';
  return `${kind}: ${oneLine(error.message)}; run again with --debug for details`;
}

/** Prints one line about a failure on stderr, or all of it when debugging. Returns the exit code. */
export function reportFailure(error: unknown): number {
  const exitCode = exitCodeOf(error);
  if (exitCode === EXIT_CODES.done) return exitCode;
  process.stderr.write(`arpg: ${describe(error)}\n`);
  if (isDebugging() && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
    if (error.cause !== undefined)
      process.stderr.write(`caused by ${String((error.cause as Error).stack ?? error.cause)}\n`);
  }
  return exitCode;
}
