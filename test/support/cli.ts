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
  /** The working folder (default: the project's root). */
  readonly cwd?: string;
}

/**
 * What the tests keep away from: the user's own defaults and cache. They have a cache of their own, in which commands find
 * the models that others have compiled: that is a sixth of the time of drawing a picture.
 */
export const ISOLATED = {
  ARPG_CACHE: fileURLToPath(new URL('../../.test-cache', import.meta.url)),
  XDG_CONFIG_HOME: '/nonexistent',
  DEBUG: '',
};

/** Runs `arpg`. */
export function arpg(
  args: readonly string[],
  { stdin = '', env = {}, cwd = root }: CliOptions = {},
): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd,
    input: stdin,
    env: { ...process.env, ARPG_MODEL: TINY_MODEL, ...ISOLATED, ...env },
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
    env: { ...process.env, ARPG_MODEL: TINY_MODEL, ...ISOLATED },
    maxBuffer: 1 << 28,
  });
  return { code: status, stdout, text: stdout.toString(), errors: stderr.toString() };
}

/** What a command said on stderr besides what it wrote. */
export function remarks(errors: string): string {
  return errors.replace(/^wrote .*\n/gm, '');
}
