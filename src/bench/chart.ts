import { sharp } from '../data/sharp.js';
import { axisFor } from './axis.js';
import { type MarkerShape, MARKERS, markerPath } from './markers.js';
import { type Box, placeLabels } from './placeLabels.js';
import type { ReportedCombination } from './report.js';
import { textPath, textWidth } from './strokeFont.js';
import { threeDigits } from './tableRows.js';

const WIDTH = 1000;
const HEIGHT = 640;
const MARGIN = { left: 92, right: 190, top: 56, bottom: 70 } as const;
/** Height of capitals. */
const TITLE = 14;
const TEXT = 11;
const SMALL = 9.5;
const LINE = 22;
const MARKER = 7;

/** A marker of a chart. */
export interface ChartPoint {
  readonly system: string;
  readonly label: string;
  /** Memory in gigabytes. */
  readonly memory: number;
  /** Images a second, before they are decoded: so is their memory. */
  readonly speed: number;
}

/** What tells rows of a system apart, in words; the last is said wherever rows of any system differ in it. */
const DIFFERENCES: readonly ((row: ReportedCombination) => string)[] = [
  ({ model }) => model,
  ({ steps = 0 }) => `${steps} steps`,
  ({ target }) => target,
  ({ precision }) => precision,
  ({ batch }) => `batch ${batch}`,
];

/** What is drawn of measured rows: medians, each with what tells it from other rows of its system. */
export function chartPoints(rows: readonly ReportedCombination[]): readonly ChartPoint[] {
  return rows.flatMap((row) => {
    if (!row.spread) return [];
    const others = rows.filter(({ system }) => system === row.system);
    const words = DIFFERENCES.filter((word) => {
      const compared = word === DIFFERENCES.at(-1) ? rows : others;
      return new Set(compared.map(word)).size > 1;
    }).map((word) => word(row));
    return [
      {
        system: row.system,
        label: words.join(', '),
        memory: row.spread.peak_memory_bytes.median / 1e9,
        speed: row.spread.drawn_per_second.median,
      },
    ];
  });
}

/** The plane that markers lie in, in pixels. */
const PLANE = {
  left: MARGIN.left,
  top: MARGIN.top,
  width: WIDTH - MARGIN.left - MARGIN.right,
  height: HEIGHT - MARGIN.top - MARGIN.bottom,
} as const;

/** Where points lie on the drawing, in pixels from its left and upper edges. */
export function chartPlaces(
  points: readonly ChartPoint[],
): readonly { readonly x: number; readonly y: number }[] {
  const memory = axisFor(points.map((point) => point.memory));
  const speed = axisFor(points.map((point) => point.speed));
  return points.map((point) => ({
    x: PLANE.left + memory.at(point.memory) * PLANE.width,
    y: PLANE.top + (1 - speed.at(point.speed)) * PLANE.height,
  }));
}

function text(content: string, x: number, y: number, height: number, colour = '#222'): string {
  const stroke = Math.max(1.2, height / 8).toFixed(2);
  return `<path d="${textPath(content, x, y, height)}" fill="none" stroke="${colour}" stroke-width="${stroke}" stroke-linecap="round" stroke-linejoin="round"/>`;
}

const line = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<path d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}" stroke="${colour}" fill="none"/>`;

/** Ticks with lines across the plane, and what the axes are. */
function axes(points: readonly ChartPoint[]): readonly string[] {
  const { left, top, width, height } = PLANE;
  const [right, bottom] = [left + width, top + height];
  const memory = axisFor(points.map((point) => point.memory));
  const speed = axisFor(points.map((point) => point.speed));
  const memoryTicks = memory.ticks.flatMap((tick) => {
    const [x, name] = [left + memory.at(tick) * width, threeDigitsShort(tick)];
    return [
      line(x, top, x, bottom, '#e4e4e4'),
      text(name, x - textWidth(name, TEXT) / 2, bottom + LINE, TEXT),
    ];
  });
  const speedTicks = speed.ticks.flatMap((tick) => {
    const [y, name] = [bottom - speed.at(tick) * height, threeDigitsShort(tick)];
    return [
      line(left, y, right, y, '#e4e4e4'),
      text(name, left - 10 - textWidth(name, TEXT), y + TEXT / 2, TEXT),
    ];
  });
  const scale = (isLogarithmic: boolean) => (isLogarithmic ? ', logarithmic' : '');
  const [speedName, memoryName] = [
    `images a second before decoding${scale(speed.isLogarithmic)} (higher is faster)`,
    `peak memory of the process in GB${scale(memory.isLogarithmic)}`,
  ];
  return [
    ...memoryTicks,
    ...speedTicks,
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#888"/>`,
    text(speedName, left, top - 18, TITLE),
    text(memoryName, left + (width - textWidth(memoryName, TITLE)) / 2, HEIGHT - 18, TITLE),
  ];
}

/** A tick without needless zeros. */
function threeDigitsShort(value: number): string {
  return String(Number(threeDigits(value)));
}

function marker(shape: MarkerShape, x: number, y: number): string {
  return `<path d="${markerPath(shape.form, x, y, MARKER)}" fill="${shape.colour}" stroke="#fff"/>`;
}

/**
 * Speed against memory as an SVG drawing, a marker for each point, of a form and colour for each system.
 * @param points at least one, with values above 0
 */
export function chartSvg(points: readonly ChartPoint[]): string {
  const systems = [...new Set(points.map(({ system }) => system))];
  const shapeOf = (system: string) => MARKERS[systems.indexOf(system) % MARKERS.length]!;
  const places = chartPlaces(points);
  const boxes = places.map(
    ({ x, y }): Box => ({ x: x - MARKER, y: y - MARKER, width: 2 * MARKER, height: 2 * MARKER }),
  );
  const sizes = points.map(({ label }) => ({ width: textWidth(label, SMALL), height: SMALL }));
  const labels = placeLabels(boxes, sizes, {
    x: PLANE.left,
    y: PLANE.top,
    width: PLANE.width,
    height: PLANE.height,
  });
  const legend = systems.flatMap((system, index) => {
    const y = PLANE.top + 12 + index * LINE;
    const x = PLANE.left + PLANE.width + 28;
    return [marker(shapeOf(system), x, y), text(system, x + 18, y + TEXT / 2, TEXT)];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...axes(points),
    ...points.map(({ label }, index) =>
      text(label, labels[index]!.x, labels[index]!.y + SMALL, SMALL, shapeOf(points[index]!.system).colour),
    ),
    ...points.map(({ system }, index) => marker(shapeOf(system), places[index]!.x, places[index]!.y)),
    ...legend,
    '</svg>',
  ].join('');
}

/** The chart as PNG bytes. */
export async function chartPng(points: readonly ChartPoint[]): Promise<Uint8Array> {
  return sharp(Buffer.from(chartSvg(points)))
    .png()
    .toBuffer();
}
