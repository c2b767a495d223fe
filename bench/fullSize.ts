/**
 * A full-size model from checkpoint to picture with the real commands: imports FOLDER/arpg.safetensors and
 * FOLDER/vq.safetensors (bench/makeRandomCheckpoint.ts), samples a 256×256 image and prints seconds and peak memory.
 * `node dist/bench/fullSize.js ARPG-L models/random [STEPS …]`
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const [preset = 'ARPG-L', folder = 'models/random', ...steps] = process.argv.slice(2);
const model = join(folder, 'model');

function arpg(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function importModel(): void {
  const started = performance.now();
  const weights = ['arpg.safetensors', 'vq.safetensors'].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  arpg('import', weights[0], '--config', preset, '--tokenizer', weights[1], '-o', model);
  process.stdout.write(`import: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

if (!existsSync(model)) importModel();
process.stdout.write('steps  images  seconds (loading, sampling, decoding)  peak memory\n');
for (const count of steps.length > 0 ? steps : ['32', '64']) {
  for (const images of [1, 4]) {
    const output = join(folder, `sample-${count}-${images}.png`);
    const args = [
      '--class',
      '207',
      '--count',
      String(images),
      '--batch',
      String(images),
      '--steps',
      count,
      '--seed',
      '1',
    ];
    const report = JSON.parse(
      arpg('sample', '--model', model, ...args, '--format', 'grid', '--json', '-o', output),
    );
    process.stdout.write(
      `${count.padStart(5)}  ${String(images).padStart(6)}  ${report.seconds.toFixed(1).padStart(7)}  ${report.peak_memory_mb} MB\n`,
    );
  }
}
