import dagre from '@dagrejs/dagre';
import { formatShape } from './dimension.js';
import { type Graph, nodesOf } from './graph.js';
import type { Node, Tensor } from './node.js';

/** A box of a drawing: one node, or all nodes of a folded scope. */
interface Box {
  readonly id: string;
  readonly title: string;
  readonly subtitle: string;
  readonly kind: 'input' | 'output' | 'parameter' | 'operation' | 'scope';
}

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

interface Drawing {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

export interface DrawOptions {
  /** Scopes below this depth are folded into one box; 0 draws every node. */
  readonly depth: number;
}

function isShown(node: Node): boolean {
  return node.kind === 'operation' || node.kind === 'input';
}

/** What is drawn: parameters and constants are left out, they are part of the operation that reads them. */
function layOut(graph: Graph, { depth }: DrawOptions): Drawing {
  const nodes = nodesOf(graph);
  const ids = new Map<Node, string>();
  const boxes = new Map<string, Box>();
  for (const [index, node] of nodes.entries()) {
    if (!isShown(node)) continue;
    const scopes = node.scope === '' ? [] : node.scope.split('.');
    const folded = node.kind === 'operation' && depth > 0 && scopes.length >= depth;
    const id = folded ? `scope:${scopes.slice(0, depth).join('.')}` : `node:${index}`;
    ids.set(node, id);
    if (!boxes.has(id)) boxes.set(id, boxOf(id, node, folded ? scopes.slice(0, depth).join('.') : undefined));
  }
  const arrows = new Map<string, Arrow>();
  const connect = (tensor: Tensor, to: string) => {
    const from = ids.get(tensor.node);
    if (from === undefined || from === to) return;
    const arrow = { from, to, label: formatShape(tensor.shape) };
    arrows.set(JSON.stringify(arrow), arrow);
  };
  for (const node of nodes) {
    const id = ids.get(node);
    if (id !== undefined) for (const input of node.inputs) connect(input, id);
  }
  for (const [name, tensor] of Object.entries(graph.outputs)) {
    const id = `output:${name}`;
    boxes.set(id, { id, title: name, subtitle: 'output', kind: 'output' });
    connect(tensor, id);
  }
  return { boxes: [...boxes.values()], arrows: [...arrows.values()] };
}

function boxOf(id: string, node: Node, scope: string | undefined): Box {
  if (scope !== undefined) return { id, title: scope, subtitle: '', kind: 'scope' };
  if (node.kind === 'operation') return { id, title: node.op.name, subtitle: node.scope, kind: 'operation' };
  return { id, title: node.kind === 'input' ? node.name : '', subtitle: 'input', kind: 'input' };
}

const COLORS: Readonly<Record<Box['kind'], string>> = {
  input: '#e3f2e1',
  output: '#fde7d0',
  parameter: '#eeeeee',
  operation: '#ffffff',
  scope: '#dce9f7',
};

function quote(text: string): string {
  return JSON.stringify(text);
}

/** The graph in Graphviz' DOT language, with shapes on the edges. */
export function drawDot(graph: Graph, options: DrawOptions): string {
  const { boxes, arrows } = layOut(graph, options);
  const boxLines = boxes.map(({ id, title, subtitle, kind }) => {
    const label = subtitle === '' ? title : `${title}\n${subtitle}`;
    return `  ${quote(id)} [label=${quote(label)}, fillcolor=${quote(COLORS[kind])}];`;
  });
  const arrowLines = arrows.map(
    ({ from, to, label }) => `  ${quote(from)} -> ${quote(to)} [label=${quote(label)}];`,
  );
  return [
    `digraph ${quote(graph.name)} {`,
    '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
    ...boxLines,
    ...arrowLines,
    '}',
    '',
  ].join('\n');
}

const BOX_HEIGHT = 40;
const LETTER_WIDTH = 7.5;
const BOX_PADDING = 24;
const MARGIN = 20;

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** The graph as an SVG picture, laid out from top to bottom, with shapes on the edges. */
export function drawSvg(graph: Graph, options: DrawOptions): string {
  const { boxes, arrows } = layOut(graph, options);
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: 'TB', marginx: MARGIN, marginy: MARGIN, ranksep: 40 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const { id, title, subtitle } of boxes) {
    const width = Math.max(title.length, subtitle.length) * LETTER_WIDTH + BOX_PADDING;
    layout.setNode(id, { width, height: BOX_HEIGHT });
  }
  for (const { from, to, label } of arrows)
    layout.setEdge(
      from,
      to,
      { label, width: label.length * LETTER_WIDTH * 0.8, height: 14, labelpos: 'r' },
      label,
    );
  dagre.layout(layout);
  const size = layout.graph() as { readonly width?: number; readonly height?: number };
  const lines = arrows.flatMap(({ from, to, label }) => {
    const edge = layout.edge(from, to, label) as {
      readonly points: readonly { readonly x: number; readonly y: number }[];
      readonly x: number;
      readonly y: number;
    };
    const path = edge.points
      .map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
      .join('');
    return [
      `<path d="${path}" fill="none" stroke="#666" marker-end="url(#arrow)"/>`,
      `<text x="${edge.x.toFixed(1)}" y="${edge.y.toFixed(1)}" font-size="10" fill="#444" text-anchor="middle">${escapeXml(label)}</text>`,
    ];
  });
  const rectangles = boxes.flatMap(({ id, title, subtitle, kind }) => {
    const { x, y, width, height } = layout.node(id) as Record<'x' | 'y' | 'width' | 'height', number>;
    const text = (content: string, offset: number, fontSize: number) =>
      `<text x="${x.toFixed(1)}" y="${(y + offset).toFixed(1)}" font-size="${fontSize}" text-anchor="middle">${escapeXml(content)}</text>`;
    return [
      `<rect x="${(x - width / 2).toFixed(1)}" y="${(y - height / 2).toFixed(1)}" width="${width}" height="${height}" rx="6" fill="${COLORS[kind]}" stroke="#444"/>`,
      text(title, subtitle === '' ? 5 : -2, 13),
      ...(subtitle === '' ? [] : [text(subtitle, 13, 9)]),
    ];
  });
  const [width, height] = [Math.ceil(size.width ?? 0), Math.ceil(size.height ?? 0)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
    ...lines,
    ...rectangles,
    '</svg>',
    '',
  ].join('\n');
}
