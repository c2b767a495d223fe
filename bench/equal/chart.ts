import { sharp } from '../../src/data/sharp.js';
import type { EqualRecord } from './records.js';
import { linesOf } from './table.js';

const WIDTH = 1090;
const HEIGHT = 420;
const PANEL = { width: 330, height: 320, top: 40, lefts: [60, 460] } as const;
const LEGEND_LEFT = 820;
const COLOURS = [
  '#1f5fa8',
  '#c8372d',
  '#2b8a3e',
  '#8e44ad',
  '#d98c00',
  '#008b8b',
  '#6b4f2a',
  '#d6479a',
  '#555',
];
/** Passes that have a mark. */
const MARKS = [2, 4, 8, 16];

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly dashed: boolean;
  readonly points: readonly (readonly [passes: number, value: number])[];
}

const text = (content: string, x: number, y: number, anchor = 'start') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="13" font-family="sans-serif" text-anchor="${anchor}">${content}</text>`;

/** One diagram: a value by passes, these on a logarithmic axis. */
function panel(
  left: number,
  title: string,
  lines: readonly Line[],
  [low, high]: readonly [number, number],
  scale: (value: number) => number,
  ticks: readonly number[],
): string {
  const { width, height, top } = PANEL;
  const x = (passes: number) => left + 15 + ((width - 30) * Math.log2(passes / MARKS[0]!)) / 3;
  const y = (value: number) =>
    top + height - (height * (scale(value) - scale(low))) / (scale(high) - scale(low));
  const drawn = lines.map(({ colour, dashed, points }) => {
    const places = points.map(([passes, value]) => [x(passes), y(value)] as const);
    const path = places.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(' ');
    const dash = dashed ? ' stroke-dasharray="5 4"' : '';
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2"${dash} points="${path}"/>`,
      ...places.map(([a, b]) => `<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="4" fill="${colour}"/>`),
    ].join('');
  });
  return [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#999"/>`,
    text(title, left, top - 12),
    ...MARKS.map((mark) => text(String(mark), x(mark), top + height + 18, 'middle')),
    text('passes a picture', left + width / 2, top + height + 38, 'middle'),
    ...ticks.map((tick) => text(String(tick), left - 6, y(tick) + 4, 'end')),
    ...ticks.map(
      (tick) => `<line x1="${left}" x2="${left + width}" y1="${y(tick)}" y2="${y(tick)}" stroke="#eee"/>`,
    ),
    ...drawn,
  ].join('');
}

/** Powers of two times 10 that lie between two values. */
function doublings(low: number, high: number): readonly number[] {
  return [1.25, 2.5, 5, 10, 20, 40, 80, 160, 320, 640].filter((tick) => tick >= low && tick <= high);
}

/** Two diagrams of samples by passes a picture: how many are recognised, and how far they are from held-out digits. */
export function qualityChartSvg(records: readonly EqualRecord[]): string {
  const all = [...linesOf(records)];
  const titles = [...new Set(all.map(([name]) => name.replace(/, causal steps$/, '')))];
  const lineOf = (pick: 'accuracy' | 'fid', factor: number) =>
    all.map(([name, points]): Line => {
      const title = name.replace(/, causal steps$/, '');
      return {
        ...{ name, dashed: name !== title },
        colour: COLOURS[titles.indexOf(title) % COLOURS.length]!,
        points: points.map((own) => [own.passes, factor * own[pick]]),
      };
    });
  const [accuracy, fid] = [lineOf('accuracy', 100), lineOf('fid', 1)];
  const values = fid.flatMap(({ points }) => points.map(([, value]) => Math.max(value, 1e-3)));
  const range = [0.9 * Math.min(...values, 10), 1.1 * Math.max(...values, 20)] as const;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    panel(
      PANEL.lefts[0],
      'samples recognised, %',
      accuracy,
      [0, 100],
      (value) => value,
      [0, 25, 50, 75, 100],
    ),
    panel(PANEL.lefts[1], 'Fréchet distance', fid, range, Math.log, doublings(...range)),
    ...accuracy.map(({ name, colour, dashed }, index) => {
      const y = PANEL.top + 14 + 24 * index;
      const dash = dashed ? ' stroke-dasharray="5 4"' : '';
      return [
        `<line x1="${LEGEND_LEFT}" x2="${LEGEND_LEFT + 26}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"${dash}/>`,
        `<circle cx="${LEGEND_LEFT + 13}" cy="${y}" r="4" fill="${colour}"/>`,
        `<text x="${LEGEND_LEFT + 32}" y="${y + 4}" font-size="11" font-family="sans-serif">${name}</text>`,
      ].join('');
    }),
    '</svg>',
  ].join('');
}

/** The drawing as PNG bytes. */
export async function qualityChartPng(records: readonly EqualRecord[]): Promise<Uint8Array> {
  return sharp(Buffer.from(qualityChartSvg(records)))
    .png()
    .toBuffer();
}
