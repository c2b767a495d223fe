import { sharp } from '../data/sharp.js';
import type { LogEntry } from './runLog.js';

const WIDTH = 800;
const HEIGHT = 400;
const MARGIN = 50;
/** Training losses are averaged over this share of the steps, so that the curve can be read. */
const SMOOTHING_SHARE = 0.01;

interface Point {
  readonly step: number;
  readonly value: number;
}

function smooth(points: readonly Point[]): readonly Point[] {
  const window = Math.max(1, Math.round(points.length * SMOOTHING_SHARE));
  let sum = 0;
  return points.map(({ step, value }, index) => {
    sum += value - (points[index - window]?.value ?? 0);
    return { step, value: sum / Math.min(window, index + 1) };
  });
}

/** The losses of a run as an SVG drawing: training in blue, validation in orange. */
export function lossCurveSvg(log: readonly LogEntry[]): string {
  const training = smooth(
    log.flatMap(({ step, loss }) => (loss === undefined ? [] : [{ step, value: loss }])),
  );
  const validation = log.flatMap(({ step, validation_loss: value }) =>
    value === undefined ? [] : [{ step, value }],
  );
  const all = [...training, ...validation].filter(({ value }) => Number.isFinite(value));
  // Logs may be too long for all their values to be arguments of one call.
  const lastStep = all.reduce((last, { step }) => Math.max(last, step), 1);
  const low = all.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = all.reduce((most, { value }) => Math.max(most, value), low + 1e-9);
  const x = (step: number) => MARGIN + ((WIDTH - 2 * MARGIN) * step) / lastStep;
  const y = (value: number) => HEIGHT - MARGIN - ((HEIGHT - 2 * MARGIN) * (value - low)) / (high - low);
  const line = (points: readonly Point[], color: string) =>
    `<polyline fill="none" stroke="${color}" stroke-width="2" points="${points.map(({ step, value }) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`;
  const text = (content: string, left: number, top: number, anchor: string) =>
    `<text x="${left}" y="${top}" font-size="13" font-family="sans-serif" text-anchor="${anchor}">${content}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<rect x="${MARGIN}" y="${MARGIN}" width="${WIDTH - 2 * MARGIN}" height="${HEIGHT - 2 * MARGIN}" fill="none" stroke="#999"/>`,
    line(training, '#2a6fb0'),
    line(validation, '#e0802b'),
    text(high.toPrecision(3), MARGIN - 6, MARGIN + 5, 'end'),
    text(low.toPrecision(3), MARGIN - 6, HEIGHT - MARGIN + 5, 'end'),
    text('loss: training (blue), held out (orange)', MARGIN, MARGIN - 12, 'start'),
    text(`step ${lastStep}`, WIDTH - MARGIN, HEIGHT - MARGIN + 20, 'end'),
    '</svg>',
  ].join('');
}

/** The drawing as PNG bytes. */
export async function lossCurvePng(log: readonly LogEntry[]): Promise<Uint8Array> {
  return sharp(Buffer.from(lossCurveSvg(log)))
    .png()
    .toBuffer();
}
