import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type Example, exchangesOf, matchesOutput, ROOT } from './examples.js';

/** What a reader of the pages has around: a checkout. Examples write beside these, never into them. */
const AROUND = ['bench', 'dist', 'docs', 'fixtures', 'node_modules', 'package.json', 'scripts'];

/** A folder in which the examples of a page run one after another, with `arpg` on the PATH. */
export interface Workplace {
  readonly path: (name: string) => string;
  /** Runs an example, or saves it where it is a file; gives what is wrong, undefined where nothing is. */
  run(example: Example): string | undefined;
  remove(): void;
}

interface Ended {
  readonly code: number | null;
  readonly printed: string;
}

/** Makes a new workplace. The cache and the settings of whoever runs the tests stay out of it. */
export function openWorkplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'arpg-docs-'));
  const home = join(folder, 'home');
  const work = join(folder, 'work');
  const binaries = join(folder, 'bin');
  for (const made of [home, work, binaries]) mkdirSync(made);
  for (const name of AROUND) symlinkSync(join(ROOT, name), join(work, name));
  const program = join(ROOT, 'dist/src/cli/main.js');
  for (const [name, line] of [
    ['arpg', `exec '${process.execPath}' '${program}' "$@"`],
    ['npx', '"$@"'],
  ] as const) {
    writeFileSync(join(binaries, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(binaries, name), 0o755);
  }
  const { ARPG_MODEL: _model, ARPG_CACHE: _cache, NODE_OPTIONS: _options, ...inherited } = process.env;
  const env = {
    ...inherited,
    PATH: [binaries, dirname(process.execPath), inherited.PATH].join(delimiter),
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_CONFIG_HOME: join(home, '.config'),
    ORT_DISABLE_TELEMETRY: '1',
    DEBUG: '',
  };
  const bash = (script: string): Ended => {
    const { status, stdout } = spawnSync('bash', ['-c', `exec 2>&1; set -eo pipefail\n${script}`], {
      cwd: work,
      env,
      maxBuffer: 1 << 26,
    });
    return { code: status, printed: stdout.toString() };
  };
  const faultOf = (command: string, { code, printed }: Ended, expected: number) =>
    code === expected ? undefined : `${command}\nended with ${code} instead of ${expected}:\n${printed}`;

  const talk = ({ code, varies, exitCode }: Example): string | undefined => {
    const exchanges = exchangesOf(code);
    for (const [index, { command, output }] of exchanges.entries()) {
      const ended = bash(command);
      const fault = faultOf(command, ended, index === exchanges.length - 1 ? exitCode : 0);
      if (fault !== undefined) return fault;
      if (!varies && !matchesOutput(output, ended.printed))
        return `${command}\nprints\n${ended.printed}instead of\n${output}`;
    }
    return exchanges.length === 0 ? 'no command' : undefined;
  };

  return {
    path: (name) => join(work, name),
    run(example) {
      const { code, file, language, exitCode, partOf } = example;
      if (partOf !== undefined)
        return readFileSync(join(ROOT, partOf), 'utf8').includes(code)
          ? undefined
          : `${partOf} has no such lines`;
      if (file !== undefined) {
        mkdirSync(dirname(join(work, file)), { recursive: true });
        writeFileSync(join(work, file), code);
        return undefined;
      }
      if (language === 'console') return talk(example);
      if (language === 'sh') return faultOf(code, bash(code), exitCode);
      writeFileSync(join(work, 'example.mjs'), code);
      return faultOf(code, bash('node example.mjs'), exitCode);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
