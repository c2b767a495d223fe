import { spawnSync } from 'node:child_process';

/**
 * What a command prints on a terminal of a width; undefined where there is no `script` to make one.
 * @param command for a shell
 */
export function onTerminal(
  command: string,
  columns: number,
  env: Readonly<Record<string, string>> = {},
): string | undefined {
  const { status, stdout } = spawnSync(
    'script',
    ['-qec', `stty cols ${columns} rows 40; ${command}`, '/dev/null'],
    { encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, ...env } },
  );
  return status === null ? undefined : stdout;
}
