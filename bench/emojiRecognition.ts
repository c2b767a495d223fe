/**
 * Samples of the emoji model beside the drawings that it was trained on: how many have, of all drawings, one of the
 * class asked for nearest, pixel by pixel. The data is that of the model card.
 * `node dist/bench/emojiRecognition.js DATA [SAMPLES] [MODEL]`
 */
import { groupsOf } from '../src/conditions/classGroups.js';
import { load } from '../src/library/model.js';
import { sample } from '../src/library/sample.js';
import { EMOJI_MODEL } from '../test/support/modelMetrics.js';
import { openDrawings, percentage } from './emoji/drawings.js';

const [data, samples = '400', folder = EMOJI_MODEL] = process.argv.slice(2);
if (data === undefined) throw new Error('name the folder with the emoji');
const model = await load(folder, { target: 'onnx' });
const { labels } = model.generator;
const nearest = await openDrawings(data, model.tokenizer.facts.imageSize);
const count = Number(samples);
const classes = Array.from({ length: count }, (_, index) => Math.floor((index * labels.length) / count));
const { pictures } = await sample(model, { classes, seed: 1 });

const groupOf = (label: string) => groupsOf(label)[0]!;
const found = pictures.map(({ image }, index) => ({ wanted: labels[classes[index]!]!, ...nearest(image) }));

function report(name: string, of: typeof found): void {
  const same = of.filter(({ wanted, label }) => wanted === label).length;
  const sameGroup = of.filter(({ wanted, label }) => groupOf(wanted) === groupOf(label)).length;
  const meanPsnr = of.reduce((sum, one) => sum + one.psnr, 0) / of.length;
  process.stdout.write(
    `${name.padEnd(12)}${String(of.length).padStart(5)} samples, nearest of the class ${percentage(same, of.length)}, of the group ${percentage(sameGroup, of.length)}, at ${meanPsnr.toFixed(1)} dB\n`,
  );
}

report('all', found);
for (const group of new Set(found.map(({ wanted }) => groupOf(wanted))))
  report(
    group,
    found.filter(({ wanted }) => groupOf(wanted) === group),
  );
await model.dispose();
