/** Figures of the shipped models on held-out images: `node dist/bench/modelMetrics.js [SAMPLES] [DIGITS_MODEL] [EMOJI_MODEL]` */
import { DIGITS_MODEL, digitsMetrics, EMOJI_MODEL, emojiMetrics } from '../test/support/modelMetrics.js';

const [samples = '1000', digits = DIGITS_MODEL, emoji = EMOJI_MODEL] = process.argv.slice(2);
const metrics = { digits: await digitsMetrics(Number(samples), digits), emoji: await emojiMetrics(emoji) };
process.stdout.write(`${JSON.stringify(metrics, null, 2)}\n`);
