import { addDims, type Dim, type Shape } from '../src/graph/dimension.js';
import { addIndex } from '../src/graph/indexExpression.js';
import { splitAtAxis, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { normalizeAxis, requireEqualDims, requireRank } from '../src/graph/shapes.js';

type AxisAttributes = { readonly axis: number };

const concatOp = defineOp<AxisAttributes>({
  name: 'concat',
  infer(inputs, { axis }) {
    const [first] = inputs;
    for (const other of inputs) {
      requireRank(other, first!.shape.length, 'every operand');
      if (other.dtype !== first!.dtype) throw new TypeError('operands have different dtypes');
      for (const [at, size] of other.shape.entries())
        if (at !== axis) requireEqualDims(size, first!.shape[at]!, `the sizes of axis ${at}`);
    }
    const total = inputs.map((operand) => operand.shape[axis]!).reduce(addDims);
    const shape: Shape = first!.shape.map((size, at) => (at === axis ? total : size));
    return [{ dtype: first!.dtype, shape }];
  },
  reference(inputs, { axis }, [output]) {
    const result = zeros(output!.dtype, output!.shape);
    const { outer, size, inner } = splitAtAxis(output!.shape, axis);
    let offset = 0;
    for (const operand of inputs) {
      const length = operand.shape[axis]! * inner;
      for (let row = 0; row < outer; row++)
        result.data.set(operand.data.subarray(row * length, (row + 1) * length), row * size * inner + offset);
      offset += length;
    }
    return [result];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('Concat', inputs, { axis: { int: attributes.axis } }),
  ],
  gradient([gradient], { inputs, attributes: { axis }, ops }) {
    let start: Dim = 0;
    return inputs.map((operand) => {
      const length = operand.shape[axis]!;
      const own = ops.slice(gradient!, { axis, start, length });
      start = addDims(start, length);
      return own;
    });
  },
  gpu: {
    kind: 'view',
    element(reader, index, { inputTypes, attributes: { axis } }) {
      const place = index[axis]!;
      const starts = inputTypes.map((_, which) =>
        inputTypes.slice(0, which).reduce((sum, { shape }) => sum + shape[axis]!, 0),
      );
      const parts = inputTypes.flatMap(({ shape }, which) => (shape[axis] === 0 ? [] : [which]));
      // Both sides of a choice may be evaluated, so each stays inside its operand.
      const part = (which: number) => {
        const own = addIndex(place, -starts[which]!);
        const size = inputTypes[which]!.shape[axis]!;
        const inside =
          parts.length === 1 ? own : reader.temporary(`Math.max(0, Math.min(${size - 1}, ${own}))`);
        return reader.read(which, index.with(axis, inside));
      };
      return parts
        .slice(0, -1)
        .reduceRight(
          (later, which) =>
            `(${place} < ${starts[which]! + inputTypes[which]!.shape[axis]!} ? ${part(which)} : ${later})`,
          part(parts.at(-1)!),
        );
    },
  },
  simplify: (inputs) => (inputs.length === 1 ? inputs : undefined),
  elementsOf: 'every input',
  withFewerInputs: (inputs, most, { axis }) => [joinGroups(inputs, most, axis)],
  flops: () => 0,
});

/** Operands joined so many at a time, and what that gives likewise. */
function joinGroups(operands: readonly Tensor[], most: number, axis: number): Tensor {
  if (operands.length <= most) return concat(operands, axis);
  const groups = Array.from({ length: Math.ceil(operands.length / most) }, (_, group) =>
    concat(operands.slice(group * most, (group + 1) * most), axis),
  );
  return joinGroups(groups, most, axis);
}

/** Operands one after another along an axis; the other sizes are equal. */
export function concat(operands: readonly Tensor[], axis: number): Tensor {
  return apply(concatOp, operands, { axis: normalizeAxis(axis, operands[0]!.shape.length) });
}
