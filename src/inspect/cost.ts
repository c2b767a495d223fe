import { countElements, type DimBindings } from '../graph/dimension.js';
import { concreteAttributes } from '../graph/interpret.js';
import type { Node } from '../graph/node.js';
import { type ConcreteTensorType, concreteType, type DType } from '../graph/tensorType.js';

/** What a part of a graph takes. */
export interface Cost {
  /** Numbers in its parameters. */
  readonly parameters: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** Bytes read and written, each operation by itself; weights count 4 bytes a number. */
  readonly bytes: number;
}

export const NO_COST: Cost = { parameters: 0, flops: 0, bytes: 0 };

export function addCosts(a: Cost, b: Cost): Cost {
  return { parameters: a.parameters + b.parameters, flops: a.flops + b.flops, bytes: a.bytes + b.bytes };
}

const BYTES: Readonly<Record<DType, number>> = { f32: 4, i32: 4, bool: 1 };

/** Bytes of a tensor: weights count 4 a number. */
export function bytesOf({ dtype, shape }: ConcreteTensorType): number {
  return countElements(shape) * BYTES[dtype];
}

/** Elements of an operation's results. */
function resultElements({ outputs }: Node, bindings: DimBindings): number {
  return outputs.reduce((sum, tensor) => sum + countElements(concreteType(tensor, bindings).shape), 0);
}

/** Numbers in the parameters of each operation; one that several read counts where the largest result comes of it. */
function parameterCounts(nodes: readonly Node[], bindings: DimBindings): ReadonlyMap<Node, number> {
  const readers = new Map<
    string,
    { readonly node: Node; readonly size: number; readonly elements: number }
  >();
  for (const node of nodes) {
    if (node.kind !== 'operation') continue;
    const elements = resultElements(node, bindings);
    for (const { node: source, shape } of node.inputs) {
      if (source.kind !== 'parameter' || elements <= (readers.get(source.name)?.elements ?? -1)) continue;
      readers.set(source.name, { node, elements, size: countElements(shape as readonly number[]) });
    }
  }
  const counts = new Map<Node, number>();
  for (const { node, size } of readers.values()) counts.set(node, (counts.get(node) ?? 0) + size);
  return counts;
}

/**
 * What each operation takes; views move nothing.
 * @param bindings values of the symbolic dims
 */
export function operationCosts(nodes: readonly Node[], bindings: DimBindings): ReadonlyMap<Node, Cost> {
  const counts = parameterCounts(nodes, bindings);
  const costs = new Map<Node, Cost>();
  for (const node of nodes) {
    if (node.kind !== 'operation') continue;
    const parameters = counts.get(node) ?? 0;
    if (node.op.gpu?.kind === 'view') {
      costs.set(node, { ...NO_COST, parameters });
      continue;
    }
    const inputs = node.inputs.map((tensor) => concreteType(tensor, bindings));
    const outputs = node.outputs.map((tensor) => concreteType(tensor, bindings));
    const attributes = concreteAttributes(node.attributes, bindings);
    const flops =
      node.op.flops?.(inputs, outputs, attributes) ??
      outputs.reduce((sum, { shape }) => sum + countElements(shape), 0);
    const bytes = [...inputs, ...outputs].reduce((sum, type) => sum + bytesOf(type), 0);
    costs.set(node, { parameters, flops, bytes });
  }
  return costs;
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** A number in three digits with its unit, as in `1.23 G`. */
export function formatQuantity(value: number, unit = ''): string {
  const power = value < 1000 ? 0 : Math.min(PREFIXES.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  const text = power === 0 ? String(value) : scaled.toPrecision(3);
  return `${text} ${PREFIXES[power]}${unit}`.trim();
}

/** `12.6 M parameters, 1.2 GFLOP, 88 MB` */
export function formatCost({ parameters, flops, bytes }: Cost): string {
  const parts = [
    ...(parameters > 0 ? [`${formatQuantity(parameters)} parameters`] : []),
    formatQuantity(flops, 'FLOP'),
    formatQuantity(bytes, 'B'),
  ];
  return parts.join(', ');
}
