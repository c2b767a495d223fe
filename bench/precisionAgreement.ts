/**
 * How much of what a model draws stays the same in fewer bits: the share of tokens that are those of fp32, over pictures of
 * the same seeds. Tokens that part draw others after them along, so the share of the first step's is told, too.
 * `node dist/bench/precisionAgreement.js [MODEL] [PICTURES] [STEPS]`
 */
import { load } from '../src/library/model.js';
import { sampleTokens } from '../src/library/sample.js';
import type { RunPrecision } from '../src/models/precision.js';

const [folder = 'digits', count = '200', steps] = process.argv.slice(2);

interface Drawn {
  /** Of each picture, in raster order. */
  readonly tokens: readonly Int32Array[];
  /** The same after the first step, −1 where unknown. */
  readonly first: readonly Int32Array[];
}

async function draw(precision: RunPrecision): Promise<Drawn> {
  const model = await load(folder, { target: 'onnx', precision });
  const { classes } = model.facts;
  const first: Int32Array[] = [];
  const { pictures } = await sampleTokens(model, {
    classes: Array.from({ length: Number(count) }, (_, picture) => picture % classes),
    seed: 1,
    ...(steps !== undefined && { steps: Number(steps) }),
    onStep: (picture, step, tokens) => {
      if (step === 0) first[picture] = tokens.slice();
    },
  });
  await model.dispose();
  return { tokens: pictures.map(({ tokens }) => tokens), first };
}

/** The share of known tokens that are the same. */
function agreement(a: readonly Int32Array[], b: readonly Int32Array[]): number {
  let [same, all] = [0, 0];
  for (const [picture, tokens] of a.entries())
    for (const [position, token] of tokens.entries()) {
      if (token < 0) continue;
      all++;
      if (token === b[picture]![position]) same++;
    }
  return same / all;
}

const reference = await draw('fp32');
for (const precision of ['int8', 'int4'] as const) {
  const drawn = await draw(precision);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  process.stdout.write(
    `${folder} in ${precision}: ${percent(agreement(reference.first, drawn.first))} of the first step's tokens and ${percent(agreement(reference.tokens, drawn.tokens))} of all are those of fp32\n`,
  );
}
