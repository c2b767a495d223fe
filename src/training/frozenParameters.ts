import { distance } from 'fastest-levenshtein';
import { UsageError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { trainedParameters } from './stepNames.js';

/** Names that a refusal suggests. */
const SUGGESTIONS = 3;

/** A pattern of names as an expression: `*` stands for any text, dots included, and `?` for one character. */
function expressionOf(pattern: string): RegExp {
  const literal = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}

/** What a pattern could name: each parameter, and all of each scope. */
function patternsOf(names: readonly string[]): readonly string[] {
  const scopes = names.flatMap((name) => {
    const parts = name.split('.');
    return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join('.')}.*`);
  });
  return [...new Set([...scopes, ...names])];
}

function nearNames(pattern: string, names: readonly string[]): string {
  return patternsOf(names)
    .map((name) => ({ name, away: distance(pattern, name) }))
    .sort((a, b) => a.away - b.away)
    .slice(0, SUGGESTIONS)
    .map(({ name }) => `'${name}'`)
    .join(', ');
}

/**
 * The parameters of a loss graph that patterns name, which are to stay as they are.
 * @throws UsageError when a pattern names none, with the nearest names, or when nothing is left to train.
 */
export function frozenParameters(patterns: readonly string[], lossGraph: Graph): ReadonlySet<string> {
  const names = trainedParameters(lossGraph).map(({ name }) => name);
  const frozen = new Set(
    patterns.flatMap((pattern) => {
      const expression = expressionOf(pattern);
      const found = names.filter((name) => expression.test(name));
      if (found.length === 0)
        throw new UsageError(
          `--freeze ${pattern}: no parameter has such a name; the nearest are ${nearNames(pattern, names)}`,
        );
      return found;
    }),
  );
  if (frozen.size === names.length)
    throw new UsageError(`--freeze ${patterns.join(' --freeze ')}: nothing is left to train; freeze less`);
  return frozen;
}
