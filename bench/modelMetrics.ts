/** Figures of the shipped models on held-out images: `node dist/bench/modelMetrics.js [SAMPLES] [DIGITS_MODEL]` */
import { DIGITS_MODEL, digitsMetrics } from '../test/support/modelMetrics.js';

const [samples = '500', model = DIGITS_MODEL] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify({ digits: await digitsMetrics(Number(samples), model) }, null, 2)}
`);
