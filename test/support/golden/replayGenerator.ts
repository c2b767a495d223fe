import { InputError } from '../../../src/errors.js';
import { makeGraph, nodesOf } from '../../../src/graph/graph.js';
import { matchParameters } from '../../../src/models/matchParameters.js';
import { parseSystemConfig } from '../../../src/models/parseConfig.js';
import { filterLogits } from '../../../src/sampling/filter.js';
import type { System } from '../../../src/systems/system.js';
import { floatTensor, type HostTensor, type Target } from '../../../src/targets/target.js';
import type { Checklist } from './checklist.js';
import type { Configuration, GoldenSet } from './goldenSet.js';
import { replayOptimizer } from './replayOptimizer.js';
import { replaySampling } from './replaySampling.js';
import { replayTraining } from './replayTraining.js';
import { type GeneratorSubject, runOnce, type SystemExtras } from './subject.js';

/** Checks the RoPE table that the step turns queries and keys by: cosine and sine of each pair, `[slots, pairs, 2]`. */
async function replayRotary({ system, config, target, checklist }: GeneratorSubject): Promise<void> {
  const [asked] = checklist.asked(/^rope\.freqs_cis$/);
  if (!asked) return;
  const turns = nodesOf(system.graphs(config).step!()).flatMap((node) =>
    node.kind === 'operation' && node.op.name === 'rope' ? [node.inputs] : [],
  );
  const [, , cosines, sines] = turns[0] ?? [];
  if (!cosines || !sines) return;
  const table = await runOnce(target, makeGraph('rope', [], { cosines, sines }), new Map(), {});
  const { shape, data } = table.cosines!;
  const pairs = Array.from(data, (cosine, index) => [cosine, table.sines!.data[index]!]);
  checklist.compare('rope', asked.key, asked.key, floatTensor([...shape, 2], pairs.flat()));
}

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
  const weights = matchParameters([system.graphs(config).step!()], dictionary, source, system.checkpoint);
  const subject = { system, extras, config, weights, configuration, source, target, checklist };
  await replayRotary(subject);
  await replayTraining(subject);
  await replayOptimizer(subject);
  await replaySampling(subject);
  replayFilters(subject);
}
