/**
 * Replays sets of reference numbers: `npm run golden -- SET… [--target NAME] [--only PATTERN]`.
 *
 * A set is a path without extension, beside which lie `SET.json` (configuration and cases), `SET.safetensors` or
 * `SET.pt` (weights) and `SET.expected.safetensors` (numbers); the file name without its last `-…` says what it is of.
 * Prints a line for each group of keys: its largest error, relative to the largest magnitude, and its tolerance. Ends
 * with 1 where one is outside, or a key was not checked. With --only, what counts are the keys that contain the pattern;
 * with a `*`, which stands for anything, those that it describes up to a dot.
 */
import { parseArgs } from 'node:util';
import { reportFailure } from '../../../src/cli/report.js';
import { EXIT_CODES, UsageError } from '../../../src/errors.js';
import { resolveTarget } from '../../../src/targets/resolveTarget.js';
import { holdsSelected } from './checklist.js';
import { openGoldenSet } from './goldenSet.js';
import { replay, requireReplay } from './replay.js';
import { describeOutcome, hasPassed } from './report.js';

const USAGE = 'npm run golden -- SET… [--target NAME] [--only PATTERN]';

function parseCommandLine(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        target: { type: 'string', default: 'onnx' },
        only: { type: 'string' },
        // Read where failures are reported.
        debug: { type: 'boolean' },
      },
    });
    if (positionals.length > 0) return { ...values, paths: positionals };
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(/\n|\. /)[0]!}; usage: ${USAGE}`);
  }
  throw new UsageError(`no set is named; usage: ${USAGE}`);
}

/** Replays the sets that the command line names. @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const { paths, target: targetName, only } = parseCommandLine(args);
  const target = await resolveTarget(targetName);
  const sets = await Promise.all(paths.map(openGoldenSet));
  // What cannot be replayed is said before anything is.
  for (const set of sets) requireReplay(set);
  const selected = sets.filter((set) => holdsSelected(set, only));
  if (selected.length === 0)
    throw new UsageError(`--only ${only} matches no key of ${sets.map(({ name }) => name).join(', ')}`);
  let passed = true;
  for (const set of selected) {
    const outcome = await replay(set, target, only);
    process.stdout.write(`${describeOutcome(set.name, target.name, outcome).join('\n')}\n`);
    passed &&= hasPassed(outcome);
  }
  return passed ? EXIT_CODES.done : EXIT_CODES.unexpected;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportFailure(error);
}
