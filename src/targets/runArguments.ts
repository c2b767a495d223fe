import type { SpanArguments } from '../inspect/observer.js';
import type { TargetTensor } from './target.js';

/** What is said of a run: the shape of each input, as in `[2, 4]`, and the outputs that were asked for. */
export function runArguments(
  inputs: Readonly<Record<string, TargetTensor>>,
  outputs: readonly string[],
): SpanArguments {
  const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, `[${shape.join(', ')}]`]);
  return { inputs: Object.fromEntries(shapes), outputs };
}
