import { equalShapes } from '../../src/graph/dimension.js';
import type { Tensor } from '../../src/graph/node.js';

/** Whether every element of the tensor is known to be this value. */
export function isConstantOf(tensor: Tensor, value: number): boolean {
  return (
    tensor.node.kind === 'constant' &&
    tensor.node.data.length > 0 &&
    tensor.node.data.every((element) => Object.is(element, value))
  );
}

/** `kept` when dropping the other operand leaves the result's shape as it is. */
export function keepOperand(kept: Tensor, dropped: Tensor): Tensor | undefined {
  const rankFits = dropped.shape.length <= kept.shape.length;
  const stretches = dropped.shape.some((size, axis) => {
    const own = kept.shape[kept.shape.length - dropped.shape.length + axis];
    return size !== 1 && own !== undefined && !equalShapes([size], [own]);
  });
  return rankFits && !stretches ? kept : undefined;
}
