// Keeps dist usable while sources change: `npm run watch`. The compiler watches the sources; each time it is done, what
// is made from its output is made again, and the list of operations whenever one comes or goes.
import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (script) =>
  spawnSync(process.execPath, [join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' }).status === 0;

/** What `npm run build` does after the compiler. */
const AFTERWARDS = [
  'bundleBrowserRuntime.mjs',
  'bundleProgram.mjs',
  'writeCommandManifest.mjs',
  'writeConfigSchema.mjs',
];

run('generateKernelIndex.mjs');
run('pruneBuild.mjs');
watch(join(root, 'kernels'), (_, name) => {
  if (name !== 'index.ts') run('generateKernelIndex.mjs');
});

const compiler = spawn(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json', '--watch', '--preserveWatchOutput'],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true },
);
compiler.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  const found = /Found (\d+) errors?/.exec(String(chunk));
  if (found?.[1] === '0' && AFTERWARDS.every(run)) process.stdout.write('dist is up to date\n');
});
compiler.on('exit', (code) => process.exit(code ?? 1));
// The compiler starts another process, so that a signal goes to the group of both.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    process.kill(-compiler.pid, signal);
    process.exit();
  });
