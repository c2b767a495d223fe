/**
 * Feeds every reader with files that were changed at random, and reports whatever is not refused in one clear line,
 * takes long or takes much memory: `npm run fuzz -- [--mutations N] [--seed N] [--reader NAME] [--only INDEX]`.
 *
 * Each reader runs in a process of its own, which says which input it works on, so that one that hangs or dies is
 * known. With --only the input is written to a file and its outcome printed. Ends with 1 where anything was found.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fuzz, mutatedInput, type Report, tryInput } from './harness.js';
import { makeSeeds } from './seeds.js';
import { subjects } from './subjects.js';

/** No message from a reader for so long: it hangs. */
const HANG_SECONDS = 60;

const { values: flags } = parseArgs({
  options: {
    mutations: { type: 'string', default: '3000' },
    seed: { type: 'string', default: '1' },
    reader: { type: 'string' },
    only: { type: 'string' },
    child: { type: 'boolean', default: false },
  },
});
const [count, seed] = [Number(flags.mutations), Number(flags.seed)];

const folder = mkdtempSync(join(tmpdir(), 'arpg-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const all = subjects(await makeSeeds(), folder);
const chosen = all.filter(({ name }) => flags.reader === undefined || name === flags.reader);
if (chosen.length === 0) {
  process.stderr.write(
    `there is no reader '${flags.reader}'; there are ${all.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}

interface Message {
  readonly index?: number;
  readonly report?: Report;
}

/** Runs one reader in a process of its own. */
function runApart(name: string): Promise<Report> {
  const child = fork(fileURLToPath(import.meta.url), [
    '--child',
    '--reader',
    name,
    '--mutations',
    String(count),
    '--seed',
    String(seed),
  ]);
  let current = -1;
  return new Promise((resolve) => {
    const failed = (fault: string) =>
      resolve({
        subject: name,
        inputs: current + 1,
        accepted: 0,
        faults: [{ index: current, fault }],
        maxCpuSeconds: 0,
        maxBytes: 0,
      });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed(`it hangs: nothing came for ${HANG_SECONDS} s`);
    }, HANG_SECONDS * 1000);
    child.on('message', ({ index, report }: Message) => {
      timer.refresh();
      if (index !== undefined) current = index;
      if (report) {
        clearTimeout(timer);
        resolve(report);
      }
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      failed(`the process ended with ${signal ?? code}`);
    });
  });
}

function print({ subject, inputs, accepted, faults, maxCpuSeconds, maxBytes }: Report): void {
  process.stdout.write(
    `${subject.padEnd(18)}${String(inputs).padStart(7)} inputs, ${String(accepted).padStart(6)} accepted, ${String(faults.length).padStart(4)} faults, at most ${maxCpuSeconds.toFixed(2)} s and ${Math.round(maxBytes / 1e6)} MB\n`,
  );
  for (const { index, fault } of faults.slice(0, 20))
    process.stdout.write(`  input ${index}: ${fault.split('\n').slice(0, 4).join(' | ').slice(0, 600)}\n`);
}

if (flags.only !== undefined) {
  const input = mutatedInput(chosen[0]!, Number(flags.only), seed);
  const path = join(process.cwd(), `${chosen[0]!.name}-${flags.only}.bin`);
  writeFileSync(path, input);
  const outcome = await tryInput(chosen[0]!, input);
  process.stdout.write(`wrote ${path}\n${JSON.stringify(outcome, null, 2)}\n`);
} else if (flags.child) {
  const report = await fuzz(chosen[0]!, {
    seed,
    from: 0,
    count,
    onInput: (index) => process.send?.({ index }),
  });
  process.send?.({ report });
  process.disconnect();
} else {
  let faults = 0;
  let inputs = 0;
  for (const { name } of chosen) {
    const report = await runApart(name);
    print(report);
    faults += report.faults.length;
    inputs += report.inputs;
  }
  process.stdout.write(`${inputs} inputs, ${faults} faults\n`);
  process.exitCode = faults > 0 ? 1 : 0;
}
