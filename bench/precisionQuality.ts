/**
 * How good pictures are in fewer bits: the table of the shipped models in README.
 * `node dist/bench/precisionQuality.js [SAMPLES] [DIGITS_MODEL] [EMOJI_MODEL]`
 */
import { RUN_PRECISIONS } from '../src/models/precision.js';
import { DIGITS_MODEL, EMOJI_MODEL, HELD_OUT_DIGITS, HELD_OUT_EMOJI } from '../test/support/modelMetrics.js';
import { classifierFeatures, colourFeatures } from './quality/features.js';
import { type PrecisionFigures, precisionFigures, type Subject } from './quality/precisionFigures.js';

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const decibels = (value: number) =>
  value === Number.POSITIVE_INFINITY ? 'the same' : `${value.toFixed(1)} dB`;
const digits = (places: number) => (value: number) => value.toFixed(places);

/** What the rows are called and how their numbers are written. */
const ROWS: readonly (readonly [keyof PrecisionFigures, string, (value: number) => string])[] = [
  ['recognised', 'samples recognised', percent],
  ['heldOutLoss', 'held-out loss, nats a token', digits(3)],
  ['toHeldOut', 'Fréchet distance to held-out pictures', digits(3)],
  ['toSamples', 'Fréchet distance to samples of fp32', digits(3)],
  ['firstTokens', 'tokens of the first step unchanged', percent],
  ['allTokens', 'all tokens unchanged', percent],
  ['encoded', 'tokens of held-out pictures unchanged', percent],
  ['decodedPsnr', 'their decoding beside that of fp32', decibels],
];

async function rowsOf(
  name: string,
  folder: string,
  subject: Subject,
  count: number,
): Promise<readonly string[]> {
  const figures = await precisionFigures(folder, subject, count);
  return ROWS.filter(([key]) => figures.some((column) => column[key] !== undefined)).map(
    ([key, title, format]) => {
      const values = figures.map(({ [key]: value }) => (value === undefined ? '' : format(value)));
      return `| ${[`${name}: ${title}`, ...values].join(' | ')} |`;
    },
  );
}

const [samples = '1000', digitsModel = DIGITS_MODEL, emojiModel = EMOJI_MODEL] = process.argv.slice(2);
const count = Number(samples);
const ofDigits = { heldOut: HELD_OUT_DIGITS, features: classifierFeatures, areDigits: true };
const ofEmoji = { heldOut: HELD_OUT_EMOJI, features: colourFeatures, areDigits: false };
const lines = [
  `| | ${RUN_PRECISIONS.join(' | ')} |`,
  `| --- | ${RUN_PRECISIONS.map(() => '---').join(' | ')} |`,
  ...(await rowsOf('digits', digitsModel, ofDigits, count)),
  ...(await rowsOf('emoji', emojiModel, ofEmoji, count)),
];
process.stdout.write(`${lines.join('\n')}\n`);
