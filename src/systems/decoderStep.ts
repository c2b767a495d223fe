import type { Row } from '../sampling/request.js';
import type { HostTensor } from '../targets/target.js';
import { classOf, type DecoderFields } from './decoderFields.js';
import { intTable } from './inputs.js';

/** What a step feeds. */
interface Fed {
  /** Whether it is the first step, which feeds the class before all else. */
  readonly isFirst: boolean;
  /** For each row, the raster positions of the tokens. */
  readonly positions: readonly (readonly number[])[];
  /** The tokens of each picture so far, in raster order. */
  readonly tokens: readonly Int32Array[];
}

/** The inputs of a step that all decoders have: the class, tokens, and their rows of the RoPE table. */
export function contentInputs(
  fields: DecoderFields,
  rows: readonly Row[],
  { isFirst, positions, tokens }: Fed,
): Readonly<Record<'class_ids' | 'token_ids' | 'content_positions', HostTensor>> {
  return {
    class_ids: intTable(rows.map(({ condition }) => (isFirst ? [classOf(fields, condition)] : []))),
    token_ids: intTable(
      rows.map(({ picture }, row) => positions[row]!.map((position) => tokens[picture]![position]!)),
    ),
    // Row 0 of the table is the class, row 1 + p raster position p.
    content_positions: intTable(
      positions.map((own) => [...(isFirst ? [0] : []), ...own.map((position) => position + 1)]),
    ),
  };
}
