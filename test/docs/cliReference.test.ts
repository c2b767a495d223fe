import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../support/docs/examples.js';

interface Command {
  readonly id: string;
  readonly examples?: readonly string[];
  readonly flags: Readonly<Record<string, { readonly char?: string; readonly hidden?: boolean }>>;
}

const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  readonly commands: Readonly<Record<string, Command>>;
};

describe('the reference of commands', () => {
  it('is what the commands say', () => {
    const script = join(ROOT, 'scripts/writeCliReference.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check']);
    expect(status, stderr.toString()).to.equal(0);
  });

  it('has every command and every flag', () => {
    const page = readFileSync(join(ROOT, 'docs/CLI.md'), 'utf8');
    for (const { id, flags } of Object.values(commands)) {
      expect(page).to.include(`\n## arpg ${id.replaceAll(':', ' ')}\n`);
      for (const [name, { hidden = false }] of Object.entries(flags))
        if (!hidden) expect(page, id).to.match(new RegExp(`--(\\[no-\\])?${name}\\b`));
    }
  });

  it('shows examples of commands and flags that there are', () => {
    const known = ({ flags }: Command) =>
      new Set(Object.entries(flags).flatMap(([name, { char }]) => [`--${name}`, `--no-${name}`, `-${char}`]));
    const byLength = Object.values(commands).sort((a, b) => b.id.length - a.id.length);
    const lines = Object.values(commands).flatMap(({ examples = [] }) => examples);
    const parts = lines.flatMap((line) =>
      line.split('|').flatMap((part) => /<%= config\.bin %> (.*)/.exec(part)?.[1]?.trim() ?? []),
    );
    expect(parts.length).to.be.greaterThan(30);
    for (const part of parts) {
      const command = byLength.find(({ id }) => `${part} `.startsWith(`${id.replaceAll(':', ' ')} `));
      expect(command, part).to.not.equal(undefined);
      const used = [...part.matchAll(/(?<= )--?[a-z][\w-]*/g)].map(([flag]) => flag);
      expect(
        [...used].filter((flag) => !known(command!).has(flag)),
        part,
      ).to.deep.equal([]);
    }
  });
});
