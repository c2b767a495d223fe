import { type DimBindings, evaluateDim } from '../graph/dimension.js';
import { type Graph, nodesOf } from '../graph/graph.js';
import { GraphError } from '../graph/graphError.js';
import type { ConstantNode, InputNode, Tensor } from '../graph/node.js';
import { isDeviceTensor, type TargetTensor } from './target.js';

/** A tensor that holds indices as they were given, and its name in messages. */
interface Origin {
  readonly node: InputNode | ConstantNode;
  readonly title: string;
}

/** The inputs and constants whose elements a tensor's are. */
function originsOf(tensor: Tensor, seen = new Set<Tensor>()): readonly Origin[] {
  if (seen.has(tensor)) return [];
  seen.add(tensor);
  const { node } = tensor;
  if (node.kind === 'input') return [{ node, title: `input '${node.name}'` }];
  if (node.kind === 'constant') return [{ node, title: 'a constant' }];
  if (node.kind !== 'operation') return [];
  switch (node.op.elementsOf) {
    case 'every input':
      return node.inputs.flatMap((input) => originsOf(input, seen));
    case 'the first input':
      return originsOf(node.inputs[0]!, seen);
    default:
      return [];
  }
}

/** Elements that are at hand; what a target computed itself is not. */
function elementsOf({ node }: Origin, inputs: Readonly<Record<string, TargetTensor>>): ArrayLike<number> {
  if (node.kind === 'constant') return node.data;
  const given = inputs[node.name]!;
  return isDeviceTensor(given) ? [] : given.data;
}

/**
 * A check before a run that indices given from outside exist. Targets differ in what they do with others: some count from
 * the end, some read whatever lies there.
 * The check throws GraphError naming the operation, the index and the input.
 */
export function indexGuard(
  graph: Graph,
): (inputs: Readonly<Record<string, TargetTensor>>, bindings: DimBindings) => void {
  const uses = nodesOf(graph).flatMap((node) => {
    const use = node.kind === 'operation' ? node.op.indices?.(node.inputs, node.attributes) : undefined;
    if (node.kind !== 'operation' || !use) return [];
    return originsOf(node.inputs[use.input]!).map((origin) => ({ origin, size: use.count, node }));
  });
  return (inputs, bindings) => {
    for (const { origin, size, node } of uses) {
      const count = evaluateDim(size, bindings);
      const wrong = Array.prototype.find.call(
        elementsOf(origin, inputs),
        (index: number) => !(index >= 0 && index < count),
      ) as number | undefined;
      if (wrong !== undefined)
        throw new GraphError(
          `${node.op.name}: index ${wrong} of ${count} does not exist (${origin.title})`,
          node.scope,
        );
    }
  };
}
