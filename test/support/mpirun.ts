import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CliResult, ISOLATED } from './cli.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Whether processes can be started together here. */
const hasMpirun = spawnSync('mpirun', ['--version']).status === 0;

/** Tests that start `mpirun`; they are skipped, and say why, where there is none. */
export function describeMpirun(title: string, body: () => void): void {
  if (hasMpirun) describe(title, body);
  else describe.skip(`${title} (no mpirun here)`, body);
}

const environment = {
  ...process.env,
  ...ISOLATED,
  // Containers know no other user.
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
};

const commandLine = (ranks: number, args: readonly string[]) => [
  ...['--oversubscribe', '--bind-to', 'none', '-n', String(ranks), process.execPath, program],
  ...args,
];

/** Runs `arpg` at so many ranks. */
export function mpirun(ranks: number, args: readonly string[]): CliResult {
  const { status, stdout, stderr } = spawnSync('mpirun', commandLine(ranks, args), {
    cwd: root,
    env: environment,
    timeout: 110_000,
  });
  return { code: status, stdout, text: stdout.toString(), errors: stderr.toString() };
}

/** What `arpg` itself says on stderr, line by line: the launcher has its own to say of ranks that fail. */
export function ownLines(errors: string): readonly string[] {
  return errors.split('\n').filter((line) => line.startsWith('arpg: '));
}

/** Starts `arpg` at so many ranks. */
export function startMpirun(ranks: number, args: readonly string[]): ChildProcess {
  return spawn('mpirun', commandLine(ranks, args), { cwd: root, env: environment });
}

/** The process of a rank that `mpirun` started. */
export function rankProcess(launcher: ChildProcess, rank: number): number | undefined {
  const children = spawnSync('pgrep', ['-P', String(launcher.pid)]).stdout.toString();
  return children
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
    .find((pid) => {
      try {
        const own = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        return own.includes(`OMPI_COMM_WORLD_RANK=${rank}`);
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
}
