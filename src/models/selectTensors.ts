import { InputError, quotable, UsageError } from '../errors.js';
import type { Checkpoint, TensorDictionary } from '../checkpoints/checkpoint.js';
import { countMissing, unwrapped } from './wrapperPrefixes.js';

/** Where weights lie in checkpoints, the most usual first; `` is the checkpoint itself. */
const USUAL_KEYS = [
  'model',
  'module',
  'state_dict',
  'model_state_dict',
  '',
  'ema',
  'ema_model',
  'model_ema',
  'ema_state_dict',
] as const;

const SHOWN_DICTIONARIES = 10;

export interface SelectOptions {
  /** The dictionary to take, with dots between keys; also the start of names in it. */
  readonly key?: string;
  /** Where the weights lie that are meant where several fit (default: the most usual key). */
  readonly usualKey?: string | undefined;
  /** Hears what was chosen where it could have been something else. */
  readonly note?: (text: string) => void;
}

interface Candidate {
  readonly key: string;
  readonly dictionary: TensorDictionary;
  readonly missing: number;
}

function nameOf(key: string): string {
  return key === '' ? 'the file itself' : `'${quotable(key)}'`;
}

function listDictionaries({ dictionaries }: Checkpoint): string {
  const shown = [...dictionaries]
    .slice(0, SHOWN_DICTIONARIES)
    .map(([key, { names }]) => `${nameOf(key)} (${names.size} tensors)`);
  const more =
    dictionaries.size > SHOWN_DICTIONARIES ? ` and ${dictionaries.size - SHOWN_DICTIONARIES} more` : '';
  return `${shown.join(', ')}${more}`;
}

/** The tensors whose names start with a prefix, under the rest of their names. */
function beginningWith(dictionary: TensorDictionary, prefix: string): TensorDictionary {
  const inner = [...dictionary.names].filter((name) => name.startsWith(prefix));
  return {
    names: new Set(inner.map((name) => name.slice(prefix.length))),
    tensor: (name) => dictionary.tensor(`${prefix}${name}`),
  };
}

/** @throws UsageError listing the dictionaries when there is nothing under the key. */
function dictionaryAt(checkpoint: Checkpoint, key: string, source: string): TensorDictionary {
  const exact = checkpoint.dictionaries.get(key);
  if (exact) return exact;
  const [outer] = [...checkpoint.dictionaries.keys()]
    .filter((outer) => outer === '' || key.startsWith(`${outer}.`))
    .sort((a, b) => b.length - a.length);
  const found =
    outer === undefined
      ? undefined
      : beginningWith(
          checkpoint.dictionaries.get(outer)!,
          `${key.slice(outer === '' ? 0 : outer.length + 1)}.`,
        );
  if (!found || found.names.size === 0)
    throw new UsageError(
      `${source}: no tensors under the key '${quotable(key)}'; there are ${listDictionaries(checkpoint)}`,
    );
  return found;
}

/** How far from the front a key is among the usual ones, the first of all at −1. */
function rankOf(key: string, first: string | undefined): number {
  if (key === first) return -1;
  const rank = (USUAL_KEYS as readonly string[]).indexOf(key);
  return rank < 0 ? USUAL_KEYS.length : rank;
}

/** The one that fits, or the most usual of those that do. */
function chooseFitting(
  fitting: readonly Candidate[],
  first: string | undefined,
  source: string,
  note: (text: string) => void,
): Candidate {
  const [chosen, ...others] = [...fitting].sort((a, b) => rankOf(a.key, first) - rankOf(b.key, first)) as [
    Candidate,
    ...Candidate[],
  ];
  const usual = rankOf(chosen.key, first) < USUAL_KEYS.length;
  const names = others.slice(0, SHOWN_DICTIONARIES).map(({ key }) => nameOf(key));
  if (!usual && others.length > 0)
    throw new InputError(
      `${source}: several dictionaries fit (${[nameOf(chosen.key), ...names].join(', ')}); choose one with --key`,
    );
  if (others.length > 0)
    note(`${source}: took the weights under ${nameOf(chosen.key)}; --key takes others: ${names.join(', ')}`);
  else if (!usual) note(`${source}: took the weights under ${nameOf(chosen.key)}`);
  return chosen;
}

/**
 * The tensors of a checkpoint that a model needs, under their own names: without prefixes that wrappers add, and from
 * the dictionary that holds all of them.
 * @param wanted the names that the model needs
 * @param source the checkpoint's name, for messages
 * @returns the dictionary that fits, or else the nearest, with a hint what else there is
 * @throws UsageError when nothing is under the key, InputError when it is not clear which one is meant.
 */
export function selectTensors(
  checkpoint: Checkpoint,
  wanted: readonly string[],
  source: string,
  { key, usualKey, note = () => {} }: SelectOptions = {},
): { readonly dictionary: TensorDictionary; readonly hint: string } {
  if (key !== undefined)
    return { dictionary: unwrapped(dictionaryAt(checkpoint, key, source), wanted), hint: '' };
  const candidates = [...checkpoint.dictionaries].map(([key, found]): Candidate => {
    const dictionary = unwrapped(found, wanted);
    return { key, dictionary, missing: countMissing(dictionary, wanted) };
  });
  const fitting = candidates.filter(({ missing }) => missing === 0);
  if (fitting.length > 0)
    return { dictionary: chooseFitting(fitting, usualKey, source, note).dictionary, hint: '' };
  const [nearest] = [...candidates].sort(
    (a, b) => a.missing - b.missing || rankOf(a.key, usualKey) - rankOf(b.key, usualKey),
  );
  const hint =
    candidates.length > 1
      ? `; these are those under ${nameOf(nearest!.key)}, --key takes others: ${listDictionaries(checkpoint)}`
      : '';
  return { dictionary: nearest!.dictionary, hint };
}
