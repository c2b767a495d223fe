import { InputError } from '../../../src/errors.js';
import type { TensorDictionary } from '../../../src/checkpoints/checkpoint.js';
import { type Graph, parametersOf } from '../../../src/graph/graph.js';
import { storedFloats } from '../../../src/graph/weights.js';
import { matchParameters } from '../../../src/models/matchParameters.js';
import { parseSystemConfig } from '../../../src/models/parseConfig.js';
import { filterLogits } from '../../../src/sampling/filter.js';
import type { System } from '../../../src/systems/system.js';
import { floatTensor, type HostTensor, type Target } from '../../../src/targets/target.js';
import type { Checklist } from './checklist.js';
import type { Configuration, GoldenSet } from './goldenSet.js';
import { replayOptimizer } from './replayOptimizer.js';
import { replaySampling } from './replaySampling.js';
import { replayTables } from './replayTables.js';
import { replayTraining } from './replayTraining.js';
import type { GeneratorSubject, SystemExtras } from './subject.js';

/** Checks what the filters leave of logits, row by row. */
function replayFilters({ checklist, source }: GeneratorSubject): void {
  const asked = checklist.asked(/^filter\.(top_k\d+\.top_p[\d.]+)$/);
  if (asked.length === 0) return;
  const { shape, data }: HostTensor = checklist.feed('filter.logits');
  const [rows, vocabulary] = shape as [number, number];
  if (!(data instanceof Float32Array)) throw new InputError(`${source}: 'filter.logits' are not floats`);
  for (const { key, name } of asked) {
    const [topK, topP] = /^top_k(.+)\.top_p(.+)$/.exec(name)!.slice(1).map(Number) as [number, number];
    const filtered = new Float32Array(data.length);
    for (let row = 0; row < rows; row++) {
      const own = data.slice(row * vocabulary, (row + 1) * vocabulary);
      filtered.set(filterLogits(own, { topK, topP }), row * vocabulary);
    }
    checklist.compare('filtered', 'filter', key, floatTensor(shape, filtered));
  }
}

/** The weights with those in place that stand among the configuration's numbers, since they have another shape there. */
function withOwnWeights(dictionary: TensorDictionary, step: Graph, checklist: Checklist): TensorDictionary {
  const names = parametersOf(step).map(({ name }) => name);
  const own = new Set(names.filter((name) => checklist.has(name)));
  return {
    names: new Set([...dictionary.names, ...own]),
    tensor(name) {
      if (!own.has(name)) return dictionary.tensor(name);
      const { shape, data } = checklist.feed(name);
      return storedFloats(shape, Float32Array.from(data));
    },
  };
}

/** Replays one configuration of a generator's set. */
export async function replayGenerator(
  system: System,
  extras: SystemExtras,
  { source, weights: dictionary }: GoldenSet,
  configuration: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const config = parseSystemConfig(system, configuration.fields, source);
  const step = system.graphs(config).step!();
  const own = withOwnWeights(dictionary, step, checklist);
  const weights = matchParameters([step], own, source, system.checkpoint);
  const subject = { system, extras, config, weights, configuration, source, target, checklist };
  await replayTables(subject);
  await replayTraining(subject);
  await replayOptimizer(subject);
  await replaySampling(subject);
  replayFilters(subject);
}
