import dagre from '@dagrejs/dagre';
import { type Box, type Drawing, type DrawOptions, drawingOf } from './boxes.js';
import { formatCost } from './cost.js';
import type { Graph } from '../graph/graph.js';
import { printable } from '../printable.js';

const COLORS: Readonly<Record<Box['kind'], string>> = {
  input: '#e3f2e1',
  output: '#fde7d0',
  operation: '#ffffff',
  scope: '#dce9f7',
};

const COUNTED: Readonly<Record<Box['kind'], string>> = {
  input: 'inputs',
  output: 'outputs',
  operation: 'operations',
  scope: 'layers',
};

/** What is written small below a box's title. */
function subtitle({ kind, count, cost }: Box): string {
  const counted =
    count > 1 ? [`${count} ${COUNTED[kind]}`] : kind === 'input' || kind === 'output' ? [kind] : [];
  return [...counted, ...(cost ? [formatCost(cost)] : [])].join(': ');
}

/** One line about the whole graph and the sizes that its costs are for. */
function caption({ name, total, bindings }: Drawing): string {
  const sizes = Object.entries(bindings).map(([symbol, value]) => `${symbol} ${value}`);
  return `${name}: ${formatCost(total)}${sizes.length > 0 ? ` for ${sizes.join(', ')}` : ''}`;
}

/** The costs of each box and of all together, as lines of a table. */
export function drawTable(graph: Graph, options: DrawOptions): string {
  const drawing = drawingOf(graph, options);
  const boxes = drawing.boxes.flatMap(({ title, count, cost, kind }) =>
    cost ? [{ title: count > 1 ? `${title} (${count} ${COUNTED[kind]})` : title, cost }] : [],
  );
  const width = Math.max(...boxes.map(({ title }) => title.length), 'total'.length);
  const lines = [...boxes, { title: 'total', cost: drawing.total }].map(
    ({ title, cost }) => `${title.padEnd(width)}  ${formatCost(cost)}`,
  );
  return [caption(drawing), ...lines, ''].map((line) => printable(line)).join('\n');
}

/** A string of the DOT language; its lines may be shown below each other. */
function quote(...lines: readonly string[]): string {
  return `"${lines.map((line) => printable(line).replace(/["\\]/g, '\\$&')).join('\\n')}"`;
}

/** The graph in Graphviz' DOT language, with shapes on the edges. */
export function drawDot(graph: Graph, options: DrawOptions): string {
  const drawing = drawingOf(graph, options);
  const boxLines = drawing.boxes.map((box) => {
    const small = subtitle(box);
    const label = small === '' ? [box.title] : [box.title, small];
    return `  ${quote(box.id)} [label=${quote(...label)}, fillcolor=${quote(COLORS[box.kind])}];`;
  });
  const arrowLines = drawing.arrows.map(
    ({ from, to, label }) => `  ${quote(from)} -> ${quote(to)} [label=${quote(label)}];`,
  );
  return [
    `digraph ${quote(graph.name)} {`,
    `  label=${quote(caption(drawing))};`,
    '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
    ...boxLines,
    ...arrowLines,
    '}',
    '',
  ].join('\n');
}

const BOX_HEIGHT = 40;
const TITLE_LETTER_WIDTH = 7.5;
const SMALL_LETTER_WIDTH = 5.2;
const BOX_PADDING = 24;
const MARGIN = 20;
const CAPTION_HEIGHT = 30;

/** Text for XML, which allows no control characters, not even escaped. */
function escapeXml(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function textElement(content: string, x: number, y: number, fontSize: number, anchor = 'middle'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${fontSize}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

/** The graph as an SVG picture, laid out from top to bottom, with shapes on the edges. */
export function drawSvg(graph: Graph, options: DrawOptions): string {
  const drawing = drawingOf(graph, options);
  const layout = new dagre.graphlib.Graph();
  layout.setGraph({ rankdir: 'TB', marginx: MARGIN, marginy: MARGIN + CAPTION_HEIGHT, ranksep: 45 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const box of drawing.boxes) {
    const letters = Math.max(
      box.title.length * TITLE_LETTER_WIDTH,
      subtitle(box).length * SMALL_LETTER_WIDTH,
    );
    layout.setNode(box.id, { width: letters + BOX_PADDING, height: BOX_HEIGHT });
  }
  for (const { from, to, label } of drawing.arrows)
    layout.setEdge(from, to, { label, width: label.length * SMALL_LETTER_WIDTH, height: 14, labelpos: 'r' });
  dagre.layout(layout);
  const size = layout.graph() as { readonly width?: number; readonly height?: number };
  const lines = drawing.arrows.flatMap(({ from, to, label }) => {
    const edge = layout.edge(from, to) as {
      readonly points: readonly { readonly x: number; readonly y: number }[];
      readonly x: number;
      readonly y: number;
    };
    const path = edge.points
      .map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
      .join('');
    return [
      `<path d="${path}" fill="none" stroke="#666" marker-end="url(#arrow)"/>`,
      textElement(label, edge.x, edge.y + 4, 10),
    ];
  });
  const rectangles = drawing.boxes.flatMap((box) => {
    const { x, y, width, height } = layout.node(box.id) as Record<'x' | 'y' | 'width' | 'height', number>;
    const small = subtitle(box);
    return [
      `<rect x="${(x - width / 2).toFixed(1)}" y="${(y - height / 2).toFixed(1)}" width="${width.toFixed(1)}" height="${height}" rx="6" fill="${COLORS[box.kind]}" stroke="#444"/>`,
      textElement(box.title, x, y + (small === '' ? 5 : -2), 13),
      ...(small === '' ? [] : [textElement(small, x, y + 13, 9)]),
    ];
  });
  const title = caption(drawing);
  const width = Math.ceil(Math.max(size.width ?? 0, title.length * TITLE_LETTER_WIDTH + 2 * MARGIN));
  const height = Math.ceil(size.height ?? 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
    textElement(title, MARGIN, MARGIN + 10, 13, 'start'),
    ...lines,
    ...rectangles,
    '</svg>',
    '',
  ].join('\n');
}
