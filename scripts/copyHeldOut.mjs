// Copies the images of class folders that a training run with this seed and share holds out, for fixtures:
// `node scripts/copyHeldOut.mjs DATA OUT [SHARE] [SEED]` (after `npm run build`).
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { splitExamples } from '../dist/src/training/tokenizerRun.js';

const [data, out, share = '0.02', seed = '1'] = process.argv.slice(2);
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const files = readdirSync(data, { recursive: true })
  .filter((path) => /\.(png|jpe?g|webp)$/i.test(path))
  .sort((a, b) => compare(dirname(a), dirname(b)) || compare(basename(a), basename(b)));
for (const index of splitExamples(files.length, Number(share), Number(seed)).heldOut) {
  const file = files[index];
  mkdirSync(join(out, dirname(file)), { recursive: true });
  copyFileSync(join(data, file), join(out, file));
}
