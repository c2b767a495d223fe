import type { OperationNode, Tensor } from '../../src/graph/node.js';
import { reshape } from '../reshape.js';
import { transpose } from '../transpose.js';

const HEADS_BEFORE_TOKENS: readonly number[] = [0, 2, 1, 3];

/** `[batch, tokens, heads·headDim]` → `[batch, heads, tokens, headDim]` */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, tokens, width] = x.shape as [Tensor['shape'][number], Tensor['shape'][number], number];
  return transpose(reshape(x, [batch, tokens, heads, width / heads]), HEADS_BEFORE_TOKENS);
}

/** `[batch, heads, tokens, headDim]` → `[batch, tokens, heads·headDim]` */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, tokens, headDim] = x.shape;
  return reshape(transpose(x, HEADS_BEFORE_TOKENS), [batch!, tokens!, Number(heads) * Number(headDim)]);
}

/** The operation of that name that makes a tensor. */
export function madeBy(name: string, { node }: Tensor): OperationNode | undefined {
  return node.kind === 'operation' && node.op.name === name ? node : undefined;
}

/** What `splitHeads` was given: rows with a known number of heads side by side. */
export interface SideBySide {
  /** `[batch, tokens, heads·headDim]` */
  readonly rows: Tensor;
  readonly heads: number;
}

/** What a tensor was before its heads were split; undefined where it is no such tensor. */
export function beforeSplit(tensor: Tensor): SideBySide | undefined {
  const turned = madeBy('transpose', tensor);
  const apart = turned && String(turned.attributes.axes) === String(HEADS_BEFORE_TOKENS) && turned.inputs[0]!;
  const shaped = apart ? madeBy('reshape', apart) : undefined;
  if (!apart || !shaped) return undefined;
  const [rows] = shaped.inputs as [Tensor];
  const [batch, tokens, heads, headDim] = apart.shape;
  if (typeof heads !== 'number' || typeof headDim !== 'number' || rows.shape.length !== 3) return undefined;
  const isSame = [batch, tokens, heads * headDim].every(
    (size, axis) => String(size) === String(rows.shape[axis]),
  );
  return isSame ? { rows, heads } : undefined;
}
