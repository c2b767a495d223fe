// Of the drawings that `prepareEmoji.mjs` sorted, those that the emoji model is trained on and judged by:
// `node scripts/splitEmoji.mjs DATA OUT` writes OUT/newest, the newest drawing of each emoji, which the generator learns;
// OUT/held-out, every sixteenth of the second newest; and OUT/tokenizer, the newest and the other second ones.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const [data, out] = process.argv.slice(2);
if (out === undefined) {
  process.stderr.write('usage: node scripts/splitEmoji.mjs DATA OUT\n');
  process.exit(2);
}
const HELD_OUT_OF = 16;
const FIRST_HELD_OUT = 7;

/** `16.0.0.png` before `7.0.2.png`: files are named by the version that they come from. */
const byVersion = (a, b) => b.localeCompare(a, 'en', { numeric: true });

function drawingsBelow(folder) {
  const entries = readdirSync(join(data, folder), { withFileTypes: true });
  const own = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return [
    ...(own.length > 0 ? [{ folder, files: own.sort(byVersion) }] : []),
    ...folders.sort().flatMap((name) => drawingsBelow(join(folder, name))),
  ];
}

function copy(folder, file, part) {
  mkdirSync(join(out, part, folder), { recursive: true });
  copyFileSync(join(data, folder, file), join(out, part, folder, file));
}

let seconds = 0;
for (const {
  folder,
  files: [newest, second],
} of drawingsBelow('.')) {
  copy(folder, newest, 'newest');
  copy(folder, newest, 'tokenizer');
  if (second === undefined) continue;
  const isHeldOut = seconds++ % HELD_OUT_OF === FIRST_HELD_OUT;
  copy(folder, second, isHeldOut ? 'held-out' : 'tokenizer');
}
