#!/usr/bin/env node
// Starts the program. It is here, and not compiled, so that npm finds something to link before anything is built; a
// checkout without a build is built first, since installing runs no scripts (.npmrc).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const program = new URL('../dist/program/main.js', import.meta.url);
if (!existsSync(program)) {
  process.stderr.write('building arpg, once\n');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    // What it says is not the program's output.
    stdio: ['ignore', process.stderr.fd, process.stderr.fd],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    process.stderr.write("arpg: cannot be built: run 'npm ci', then 'npm run build', in its folder\n");
    process.exit(1);
  }
}
await import(program.href);
