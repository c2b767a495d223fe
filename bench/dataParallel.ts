/**
 * Training at one rank and at several of one thread each, by turns:
 * `node dist/bench/dataParallel.js [--ranks 2] [--rounds 3] [--steps 12] [--batch 16]`.
 *
 * Each round trains the `small` generator on digits with `arpg train` alone, then with `mpirun`: with as many pictures a rank
 * (weak scaling), and with as many in all (strong scaling). Prints medians of the seconds of a step, without the first two of a
 * run, the efficiencies, and the bytes of the gradients that are added up in a step.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { spreadOf } from '../src/bench/statistics.js';
import { ringBytes } from '../src/cluster/ringModel.js';
import { countElements } from '../src/graph/dimension.js';
import { readCheckpoint } from '../src/training/runFolder.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = join(root, 'dist/src/cli/main.js');
/** Steps of a run that do not count: the network is compiled in the first. */
const WARM_UP = 2;

const { values } = parseArgs({
  options: {
    ranks: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '12' },
    batch: { type: 'string', default: '16' },
  },
});
const [ranks, rounds, steps, batch] = [values.ranks, values.rounds, values.steps, values.batch].map(
  Number,
) as [number, number, number, number];
const folder = mkdtempSync(join(tmpdir(), 'arpg-bench-'));

/** The tokens of the pictures, made once: what is measured is training. */
const tokens = join(folder, 'tokens.jsonl');

function run(command: string, args: readonly string[]): void {
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const { status, stderr } = spawnSync(command, args, { env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.toString()}`);
}

const arpg = (args: readonly string[]) => run(process.execPath, [program, ...args]);

const median = (numbers: readonly number[]): number => spreadOf(numbers).median;

/** Seconds of the steps of a run at so many ranks with so many pictures a step. */
function secondsAt(count: number, pictures: number): readonly number[] {
  const out = join(folder, 'run');
  const args = [
    ...['train', '--data', tokens, '--tokenizer', join(root, 'fixtures/models/digits'), '--out', out],
    ...['--steps', String(steps), '--batch', String(pictures), '--checkpoint-every', String(steps)],
    ...['--holdout', '0', '--seed', '1', '--threads', '1', '--target', 'onnx', '--quiet'],
  ];
  if (count === 1) arpg(args);
  else
    run('mpirun', [
      '--oversubscribe',
      '--bind-to',
      'core',
      '-n',
      String(count),
      process.execPath,
      program,
      ...args,
    ]);
  const lines = readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n');
  const seconds = lines.map((line) => (JSON.parse(line) as { seconds?: number }).seconds ?? 0);
  if (bytes === 0)
    for (const [name, { shape }] of readCheckpoint(out)!.state)
      if (name.startsWith('parameter.')) bytes += 4 * countElements(shape);
  rmSync(out, { recursive: true });
  return seconds.slice(WARM_UP);
}

let bytes = 0;
const measured = { alone: [] as number[], weak: [] as number[], strong: [] as number[] };
try {
  arpg([
    ...['tokenize', join(root, 'fixtures/digits/held-out'), '--model', join(root, 'fixtures/models/digits')],
    ...['--shard', '1/5', '--quiet', '-o', tokens],
  ]);
  for (let round = 0; round < rounds; round++) {
    measured.alone.push(...secondsAt(1, batch));
    measured.weak.push(...secondsAt(ranks, batch * ranks));
    measured.strong.push(...secondsAt(ranks, batch));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const [alone, weak, strong] = [measured.alone, measured.weak, measured.strong].map(median) as [
  number,
  number,
  number,
];
const milliseconds = (seconds: number) => `${(1000 * seconds).toFixed(0)} ms`;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
console.log(`1 rank, batch ${batch}: ${milliseconds(alone)} a step`);
console.log(
  `${ranks} ranks, batch ${batch * ranks}: ${milliseconds(weak)} a step, efficiency ${percent(alone / weak)}`,
);
console.log(
  `${ranks} ranks, batch ${batch}: ${milliseconds(strong)} a step, efficiency ${percent(alone / (ranks * strong))}`,
);
console.log(
  `gradients: ${(bytes / 1e6).toFixed(1)} MB a step; a ring sends ${(ringBytes(bytes, ranks) / 1e6).toFixed(1)} MB from each rank`,
);
