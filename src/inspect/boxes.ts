import { type DimBindings, formatShape } from '../graph/dimension.js';
import { addCosts, type Cost, NO_COST, operationCosts } from './cost.js';
import { type Graph, nodesOf } from '../graph/graph.js';
import type { Node, Tensor } from '../graph/node.js';

/** A box of a drawing: one operation, all operations of a folded scope, or a group of inputs or outputs. */
export interface Box {
  readonly id: string;
  readonly title: string;
  readonly kind: 'input' | 'output' | 'operation' | 'scope';
  /** Scopes, inputs or outputs that it stands for. */
  readonly count: number;
  /** Undefined for inputs and outputs. */
  readonly cost: Cost | undefined;
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** A graph as boxes and arrows. */
export interface Drawing {
  readonly name: string;
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
  readonly total: Cost;
  readonly bindings: DimBindings;
}

export interface DrawOptions {
  /** Scopes from this depth on are folded into one box, those that differ by their number alone together; 0 draws every operation. */
  readonly depth: number;
  /** Values of the symbolic dims, for the costs. */
  readonly bindings: DimBindings;
}

/** Inputs or outputs whose names share the part before the first dot are drawn as one box from this many on. */
const MIN_GROUP = 3;
/** Shapes written on one arrow. */
const MAX_LABELS = 2;

/** The scope's first parts, with numbers replaced by `*` so that the layers of a stack meet. */
function foldedScope(scope: string, depth: number): string {
  return scope
    .split('.')
    .slice(0, depth)
    .map((part) => (/^\d+$/.test(part) ? '*' : part))
    .join('.');
}

/** `layers.self_dec.*` and the scopes that it stands for → `layers.self_dec.0…11` */
function scopeTitle(folded: string, scopes: ReadonlySet<string>): string {
  const [first, ...others] = [...scopes];
  if (others.length === 0) return first!;
  const numbers = [first!, ...others].map((scope) => scope.match(/\b\d+\b/)?.[0] ?? '').map(Number);
  return folded.replace('*', `${Math.min(...numbers)}…${Math.max(...numbers)}`);
}

function groupNames(names: readonly string[]): ReadonlyMap<string, string> {
  const byPrefix = new Map<string, string[]>();
  for (const name of names) {
    const prefix = name.split('.')[0]!;
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), name]);
  }
  return new Map(
    [...byPrefix].flatMap(([prefix, own]) =>
      own.map((name): [string, string] => [name, own.length >= MIN_GROUP ? `${prefix}.*` : name]),
    ),
  );
}

class BoxCollector {
  private readonly boxes = new Map<
    string,
    { title: string; kind: Box['kind']; members: Set<string>; cost?: Cost }
  >();

  add(id: string, title: string, kind: Box['kind'], member: string, cost?: Cost): void {
    const box = this.boxes.get(id) ?? { title, kind, members: new Set<string>() };
    box.members.add(member);
    if (cost) box.cost = addCosts(box.cost ?? NO_COST, cost);
    this.boxes.set(id, box);
  }

  list(): readonly Box[] {
    return [...this.boxes].map(([id, { title, kind, members, cost }]) => ({
      id,
      kind,
      count: members.size,
      cost,
      title: kind === 'scope' ? scopeTitle(title, members) : title,
    }));
  }
}

/** Arrows between the same boxes become one with the shapes that flow along it. */
function mergeArrows(arrows: readonly Arrow[]): readonly Arrow[] {
  const labels = new Map<string, { from: string; to: string; shapes: Set<string> }>();
  for (const { from, to, label } of arrows) {
    const key = JSON.stringify([from, to]);
    const own = labels.get(key) ?? { from, to, shapes: new Set<string>() };
    own.shapes.add(label);
    labels.set(key, own);
  }
  return [...labels.values()].map(({ from, to, shapes }) => {
    const shown = [...shapes].slice(0, MAX_LABELS).join(' ');
    return { from, to, label: shapes.size > MAX_LABELS ? `${shown} …` : shown };
  });
}

/** What is drawn: parameters and constants are left out, they are part of the operation that reads them. */
export function drawingOf(graph: Graph, { depth, bindings }: DrawOptions): Drawing {
  const nodes = nodesOf(graph);
  const costs = operationCosts(nodes, bindings);
  const collector = new BoxCollector();
  const ids = new Map<Node, string>();
  const inputNames = nodes.flatMap((node) => (node.kind === 'input' ? [node.name] : []));
  const inputGroups = groupNames(inputNames);
  for (const [index, node] of nodes.entries()) {
    if (node.kind === 'input') {
      const title = inputGroups.get(node.name)!;
      ids.set(node, `input:${title}`);
      collector.add(`input:${title}`, title, 'input', node.name);
    } else if (node.kind === 'operation') {
      const isFolded = depth > 0 && node.scope !== '';
      const folded = foldedScope(node.scope, depth);
      const id = isFolded ? `scope:${folded}` : `node:${index}`;
      ids.set(node, id);
      const cost = costs.get(node)!;
      if (isFolded) collector.add(id, folded, 'scope', node.scope.split('.').slice(0, depth).join('.'), cost);
      else {
        const title = node.scope === '' ? node.op.name : `${node.scope}/${node.op.name}`;
        collector.add(id, title, 'operation', title, cost);
      }
    }
  }
  const arrows: Arrow[] = [];
  const connect = (tensor: Tensor, to: string) => {
    const from = ids.get(tensor.node);
    if (from !== undefined && from !== to) arrows.push({ from, to, label: formatShape(tensor.shape) });
  };
  for (const node of nodes) {
    const id = ids.get(node);
    if (id !== undefined) for (const input of node.inputs) connect(input, id);
  }
  const outputGroups = groupNames(Object.keys(graph.outputs));
  for (const [name, tensor] of Object.entries(graph.outputs)) {
    const title = outputGroups.get(name)!;
    collector.add(`output:${title}`, title, 'output', name);
    connect(tensor, `output:${title}`);
  }
  return {
    name: graph.name,
    boxes: collector.list(),
    arrows: mergeArrows(arrows),
    total: [...costs.values()].reduce(addCosts, NO_COST),
    bindings,
  };
}
