import type { Expression, GpuKernelWriter } from '../../src/graph/gpuRule.js';
import { addIndex, multiplyIndex } from '../../src/graph/indexExpression.js';

/** Products added up by themselves before they join the total, which keeps long sums accurate. */
const BLOCK = 512;
/** Products written out in one turn of the loop. */
const UNROLL = 4;

/**
 * Sums of products for several elements at once. Operands that the elements share are read once.
 * @param factors the two factors of one element's term
 */
export function sumOfProducts(
  writer: GpuKernelWriter,
  terms: number,
  indices: readonly (readonly Expression[])[],
  factors: (index: readonly Expression[], term: Expression) => readonly [Expression, Expression],
): readonly Expression[] {
  const addTerm = (sums: readonly Expression[], term: Expression) => {
    for (const [lane, index] of indices.entries()) {
      const [a, b] = factors(index, term);
      writer.assign(sums[lane]!, `${sums[lane]} + ${writer.temporary(a)} * ${writer.temporary(b)}`);
    }
  };
  const addRange = (sums: readonly Expression[], from: Expression, count: number) => {
    const turns = Math.floor(count / UNROLL);
    writer.loop(turns, (turn) => {
      const first = writer.temporary(addIndex(multiplyIndex(turn, UNROLL), from));
      for (let i = 0; i < UNROLL; i++) addTerm(sums, addIndex(first, i));
    });
    for (let i = turns * UNROLL; i < count; i++) addTerm(sums, addIndex(from, i));
  };
  const totals = indices.map(() => writer.variable('0'));
  const blocks = Math.floor(terms / BLOCK);
  if (blocks <= 1) {
    addRange(totals, '0', terms);
    return totals;
  }
  writer.loop(blocks, (block) => {
    const partial = indices.map(() => writer.variable('0'));
    addRange(partial, writer.temporary(multiplyIndex(block, BLOCK)), BLOCK);
    for (const [lane, total] of totals.entries()) writer.assign(total, `${total} + ${partial[lane]}`);
  });
  addRange(totals, String(blocks * BLOCK), terms - blocks * BLOCK);
  return totals;
}
