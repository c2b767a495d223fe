import { UsageError } from '../errors.js';
import { multiScaleVq } from './multiScaleVq.js';
import type { TokenizerKind } from './tokenizerKind.js';
import { klVae } from './klVae.js';
import { vq } from './vq.js';

/** All kinds of tokenizers, the one of checkpoints that do not say theirs first. */
export const TOKENIZERS: readonly TokenizerKind[] = [vq, multiScaleVq, klVae];

/** The kind of checkpoints and models that do not say theirs. */
export const DEFAULT_TOKENIZER = TOKENIZERS[0]!;

/** The kind of a name; undefined where there is none. */
export function findTokenizer(name: string): TokenizerKind | undefined {
  return TOKENIZERS.find((kind) => kind.name === name);
}

/** @throws UsageError listing the kinds when there is none of that name. */
export function requireTokenizer(name: string): TokenizerKind {
  const kind = findTokenizer(name);
  const names = TOKENIZERS.map((own) => own.name);
  if (!kind) throw new UsageError(`kind '${name}' of tokenizer is unknown; there are ${names.join(', ')}`);
  return kind;
}

/** The published configurations of all kinds by name. */
export const TOKENIZER_PRESETS: ReadonlyMap<
  string,
  { readonly kind: TokenizerKind; readonly config: object }
> = new Map(
  TOKENIZERS.flatMap((kind) =>
    Object.entries(kind.presets).map(([name, config]) => [name, { kind, config }] as const),
  ),
);
