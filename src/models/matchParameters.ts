import { InputError, quotable } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { parametersOf } from '../graph/graph.js';
import { type StoredDType, type StoredTensor, toSinglePrecision, type Weights } from '../graph/weights.js';
import type { TensorDictionary } from '../checkpoints/checkpoint.js';

/** Element types that weights may have. */
const FLOATS: ReadonlySet<StoredDType> = new Set(['f64', 'f32', 'f16', 'bf16']);

const SHOWN_NAMES = 5;

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).map(quotable).join(', ');
  return names.length > SHOWN_NAMES ? `${shown} and ${names.length - SHOWN_NAMES} more` : shown;
}

/** The names of the graphs' parameters, in the order of use. */
export function parameterNames(graphs: readonly Graph[]): readonly string[] {
  return [...new Set(graphs.flatMap(parametersOf).map(({ name }) => name))];
}

export interface MatchOptions {
  /** Tensors that may be left over: nothing needs them. */
  readonly ignored?: readonly RegExp[];
  /** Names under which parameters may be found once more, and the parameters; they must hold the same. */
  readonly tied?: Readonly<Record<string, string>>;
  /** Names of parameters that are not looked for: something else gives them. */
  readonly elsewhere?: RegExp | undefined;
  /** What else to say when they do not fit. */
  readonly hint?: string;
}

/** Whether two tensors are there and do not hold the same. */
function differ(one: StoredTensor | undefined, other: StoredTensor | undefined): boolean {
  if (!one || !other) return false;
  const isAlike = one.dtype === other.dtype && one.shape.join() === other.shape.join();
  return !isAlike || Buffer.compare(one.read(), other.read()) !== 0;
}

/**
 * The tensors that the graphs' parameters need, in the order of use. Doubles are read as single precision, which is
 * what runs everywhere.
 * @param source the checkpoint's name, for messages
 * @throws InputError listing tensors that are missing, left over, or of another shape or type.
 */
export function matchParameters(
  graphs: readonly Graph[],
  dictionary: TensorDictionary,
  source: string,
  { ignored = [], tied = {}, elsewhere, hint = '' }: MatchOptions = {},
): Weights {
  const parameters = new Map(
    graphs
      .flatMap(parametersOf)
      .filter(({ name }) => !elsewhere?.test(name))
      .map((node) => [node.name, node.outputs[0]!.shape]),
  );
  const found = new Map(
    [...parameters.keys()].flatMap((name): (readonly [string, StoredTensor])[] => {
      const tensor = dictionary.tensor(name);
      return tensor ? [[name, tensor]] : [];
    }),
  );
  const missing = [...parameters.keys()].filter((name) => !found.has(name));
  const extra = [...dictionary.names].filter(
    (name) =>
      !parameters.has(name) && !Object.hasOwn(tied, name) && !ignored.some((known) => known.test(name)),
  );
  const misshapen = [...found].flatMap(([name, tensor]) => {
    const shape = parameters.get(name)!;
    const same =
      tensor.shape.length === shape.length && tensor.shape.every((size, axis) => size === shape[axis]);
    return same ? [] : [`${name} is [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]`];
  });
  const mistyped = [...found].flatMap(([name, { dtype }]) =>
    FLOATS.has(dtype) ? [] : [`${name} is ${dtype}`],
  );
  const parted = Object.entries(tied)
    .filter(([other, name]) => differ(found.get(name), dictionary.tensor(other)))
    .map(([other, name]) => `${other} is not ${name}`);
  const list = (problem: string, names: readonly string[]) =>
    names.length > 0 ? [`${names.length} ${problem}: ${listNames(names)}`] : [];
  const problems = [
    ...list('missing', missing),
    ...list('unknown', extra),
    ...list('of another shape', misshapen),
    ...list('not of floating-point numbers', mistyped),
    ...list('not what it repeats', parted),
  ];
  if (problems.length > 0)
    throw new InputError(
      `${source}: its tensors do not fit the configuration (${problems.join('; ')}); check the configuration${hint}`,
    );
  const doubles = new Map([...found].filter(([, { dtype }]) => dtype === 'f64'));
  return new Map([...found, ...toSinglePrecision(doubles)]);
}
