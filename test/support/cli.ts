import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The small model of random weights, which the tests use unless they name another. */
const TINY_MODEL = fileURLToPath(new URL('../../../fixtures/models/tiny', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly text: string;
  readonly errors: string;
}

export interface CliOptions {
  readonly stdin?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `arpg` from the project's root. */
export function arpg(args: readonly string[], { stdin = '', env = {} }: CliOptions = {}): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    input: stdin,
    env: { ...process.env, ARPG_MODEL: TINY_MODEL, ARPG_COMPILE_CACHE: '0', DEBUG: '', ...env },
    maxBuffer: 1 << 28,
  });
  return { code: status, stdout, text: stdout.toString(), errors: stderr.toString() };
}

/** The command line that starts `arpg`, for shells. */
export const ARPG_SHELL = `'${process.execPath}' '${program}'`;

/** Runs a shell pipeline from the project's root, in which `arpg` starts the program. */
export function shell(script: string): CliResult {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `arpg() { ${ARPG_SHELL} "$@"; }; ${script}`], {
    cwd: root,
    env: { ...process.env, ARPG_MODEL: TINY_MODEL, ARPG_COMPILE_CACHE: '0', DEBUG: '' },
    maxBuffer: 1 << 28,
  });
  return { code: status, stdout, text: stdout.toString(), errors: stderr.toString() };
}

/** What a command said on stderr besides what it wrote. */
export function remarks(errors: string): string {
  return errors.replace(/^wrote .*\n/gm, '');
}
