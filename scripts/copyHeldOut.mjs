// Copies the images of class folders that a training run with this seed and share holds out, for fixtures:
// `node scripts/copyHeldOut.mjs DATA OUT [SHARE] [SEED]` (after `npm run build`).
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { splitExamples } from '../dist/src/training/tokenizerRun.js';

const [data, out, share = '0.02', seed = '1'] = process.argv.slice(2);
const files = readdirSync(data)
  .sort()
  .flatMap((label) =>
    readdirSync(join(data, label))
      .sort()
      .map((name) => ({ label, name })),
  );
for (const index of splitExamples(files.length, Number(share), Number(seed)).heldOut) {
  const { label, name } = files[index];
  mkdirSync(join(out, label), { recursive: true });
  copyFileSync(join(data, label, name), join(out, label, name));
}
