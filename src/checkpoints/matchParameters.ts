import { InputError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { parametersOf } from '../graph/graph.js';
import type { StoredTensor, Weights } from '../graph/weights.js';

/** Buffers that official checkpoints carry beside their parameters and that nothing needs. */
const IGNORED = [/(^|\.)freqs_cis$/, /^quantize\.codebook_used$/];

const SHOWN_NAMES = 5;

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(', ');
  return names.length > SHOWN_NAMES ? `${shown} and ${names.length - SHOWN_NAMES} more` : shown;
}

/**
 * The tensors that the graphs' parameters need, in the order of use.
 * @param source the checkpoint's name, for messages
 * @throws InputError listing tensors that are missing, left over, or of another shape.
 */
export function matchParameters(graphs: readonly Graph[], tensors: Weights, source: string): Weights {
  const parameters = new Map(graphs.flatMap(parametersOf).map((node) => [node.name, node.outputs[0]!.shape]));
  const missing = [...parameters.keys()].filter((name) => !tensors.has(name));
  const extra = [...tensors.keys()].filter(
    (name) => !parameters.has(name) && !IGNORED.some((known) => known.test(name)),
  );
  const misshapen = [...parameters]
    .filter(([name, shape]) => tensors.has(name) && tensors.get(name)!.shape.join() !== shape.join())
    .map(
      ([name, shape]) =>
        `${name} is [${tensors.get(name)!.shape.join(', ')}] instead of [${shape.join(', ')}]`,
    );
  const problems = [
    ...(missing.length > 0 ? [`${missing.length} missing: ${listNames(missing)}`] : []),
    ...(extra.length > 0 ? [`${extra.length} unknown: ${listNames(extra)}`] : []),
    ...(misshapen.length > 0 ? [`${misshapen.length} of another shape: ${listNames(misshapen)}`] : []),
  ];
  if (problems.length > 0)
    throw new InputError(
      `${source}: its tensors do not fit the configuration (${problems.join('; ')}); check the configuration`,
    );
  return new Map([...parameters.keys()].map((name) => [name, tensors.get(name) as StoredTensor]));
}
