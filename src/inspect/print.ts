import { printable } from '../printable.js';
import { formatDim } from '../graph/dimension.js';
import { type Graph, nodesOf } from '../graph/graph.js';
import type { ConstantNode, Node, Tensor } from '../graph/node.js';
import type { Attributes, AttributeValue } from '../graph/op.js';
import { formatType } from '../graph/tensorType.js';

const SHOWN_ELEMENTS = 8;

function formatAttribute(value: AttributeValue): string {
  return Array.isArray(value) ? `[${value.map(formatDim).join(', ')}]` : String(value);
}

/** Text of attributes, as in `axis=1, keepDims=false`. */
export function formatAttributes(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${formatAttribute(value)}`)
    .join(', ');
}

function formatConstant(node: ConstantNode): string {
  const shown = Array.from(node.data.subarray(0, SHOWN_ELEMENTS), (value) =>
    String(Number(value.toPrecision(6))),
  );
  return `constant(${shown.join(', ')}${node.data.length > SHOWN_ELEMENTS ? ', …' : ''})`;
}

function formatNode(node: Node, nameOf: (tensor: Tensor) => string): string {
  const left = node.outputs.map((output) => `${nameOf(output)}: ${formatType(output)}`).join(', ');
  switch (node.kind) {
    case 'input':
      return `${left} = input`;
    case 'parameter':
      return `${left} = parameter`;
    case 'constant':
      return `${left} = ${formatConstant(node)}`;
    case 'operation': {
      const operands = node.inputs.map(nameOf);
      const attributes = formatAttributes(node.attributes);
      return `${left} = ${node.op.name}(${operands.join(', ')})${attributes === '' ? '' : ` {${attributes}}`}`;
    }
  }
}

/** Readable text of a graph: one line a node, a comment line wherever the scope changes. */
export function printGraph(graph: Graph): string {
  const names = new Map<Tensor, string>();
  let next = 0;
  const nameOf = (tensor: Tensor): string => {
    const known = names.get(tensor);
    if (known !== undefined) return known;
    const { node } = tensor;
    const name = `%${node.kind === 'input' || node.kind === 'parameter' ? node.name : next++}`;
    names.set(tensor, name);
    return name;
  };
  const lines: string[] = [];
  let scope = '';
  for (const node of nodesOf(graph)) {
    if (node.kind === 'input') continue;
    if (node.scope !== scope) lines.push(`  # ${node.scope === '' ? '(top)' : node.scope}`);
    scope = node.scope;
    lines.push(`  ${formatNode(node, nameOf)}`);
  }
  const inputs = graph.inputs.map((tensor) => `${nameOf(tensor)}: ${formatType(tensor)}`);
  const outputs = Object.entries(graph.outputs).map(([name, tensor]) => `${name}=${nameOf(tensor)}`);
  const header =
    inputs.length === 0
      ? [`graph ${graph.name}() {`]
      : [
          `graph ${graph.name}(`,
          ...inputs.map((text, index) => `  ${text}${index < inputs.length - 1 ? ',' : ''}`),
          ') {',
        ];
  const text = [...header, ...lines, `  return ${outputs.join(', ')}`, '}', ''];
  return text.map((line) => printable(line)).join('\n');
}
