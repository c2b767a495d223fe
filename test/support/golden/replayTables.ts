import { rankMask } from '../../../graphs/rankMask.js';
import { cast } from '../../../src/dsl/index.js';
import { makeGraph, nodesOf } from '../../../src/graph/graph.js';
import type { Tensor } from '../../../src/graph/node.js';
import { filledSettings } from '../../../src/systems/settings.js';
import { floatTensor, type HostTensor, intTensor } from '../../../src/targets/target.js';
import { type GeneratorSubject, runOnce } from './subject.js';

/** Rows of a tensor, by their indices. */
function pickRows({ shape, data }: HostTensor, rows: readonly number[]): HostTensor {
  const [, width] = shape as [number, number];
  const picked = rows.flatMap((row) => Array.from(data.slice(row * width, (row + 1) * width)));
  return floatTensor([rows.length, width], picked);
}

/** Checks the RoPE table that the step turns queries and keys by: cosine and sine of each pair, `[slots, pairs, 2]`. */
async function replayRotary({ system, extras, config, target, checklist }: GeneratorSubject): Promise<void> {
  const [asked] = checklist.asked(/^rope\.freqs_cis$/);
  if (!asked) return;
  const turns = nodesOf(system.graphs(config).step!()).flatMap((node) =>
    node.kind === 'operation' && node.op.name === 'rope' ? [node.inputs] : [],
  );
  const [, , cosines, sines] = turns[0] ?? [];
  if (!cosines || !sines) return;
  const table = await runOnce(target, makeGraph('rope', [], { cosines, sines }), new Map(), {});
  const rows = extras.slotRows?.(config) ?? Array.from({ length: table.cosines!.shape[0]! }, (_, row) => row);
  const [turned, across] = [pickRows(table.cosines!, rows), pickRows(table.sines!, rows)];
  const pairs = Array.from(turned.data, (cosine, index) => [cosine, across.data[index]!]);
  checklist.compare('rope', asked.key, asked.key, floatTensor([...turned.shape, 2], pairs.flat()));
}

/** The masks of attention in a graph. */
function masksOf(subject: GeneratorSubject): readonly Tensor[] {
  const { graph } = subject.system.training(subject.config);
  const masks = nodesOf(graph).flatMap((node) =>
    node.kind === 'operation' && node.op.name === 'attention' ? node.inputs.slice(3) : [],
  );
  return [...new Set(masks)];
}

/** The upper left corner of a square table. */
function corner({ shape, data }: HostTensor, side: number): HostTensor {
  const whole = shape[1]!;
  const picked = Array.from({ length: side * side }, (_, at) => {
    const row = Math.floor(at / side);
    return data[row * whole + (at % side)]!;
  });
  return intTensor([side, side], picked);
}

/** Checks the masks by rank, and that of them which the training graph has, as far as it goes. */
async function replayMasks(subject: GeneratorSubject): Promise<void> {
  const { extras, config, target, checklist } = subject;
  const evaluate = async (mask: Tensor) =>
    (await runOnce(target, makeGraph('mask', [], { mask: cast(mask, 'i32') }), new Map(), {})).mask!;
  for (const [key, ranksOf] of Object.entries(extras.ranks ?? {})) {
    const [asked] = checklist.asked(new RegExp(`^${key.replace('.', '\\.')}$`));
    if (!asked) continue;
    const own = await evaluate(rankMask(ranksOf(config, asked.shape[0]!)));
    checklist.compare('indices', 'mask', key, own);
    for (const mask of masksOf(subject)) {
      const trained = await evaluate(mask);
      checklist.compareWith('indices', 'mask', key, trained, corner(checklist.feed(key), trained.shape[0]!));
    }
  }
}

/** Checks the order of a system that has one of its own, and further lists of it. */
function replayLists({ system, extras, config, checklist }: GeneratorSubject): void {
  const { grid } = system.config.facts(config);
  const draw = { seed: 0, index: 0, purpose: 'order' } as const;
  const order = system.ownOrder?.(config, grid, draw, filledSettings(system.settings));
  const lists = Object.entries(extras.lists ?? {}).map(([key, list]) => [key, list(config)] as const);
  for (const [key, list] of [...(order ? [['order', order] as const] : []), ...lists])
    if (checklist.has(key)) checklist.compare('indices', 'order', key, intTensor([list.length], list));
}

/** Checks the tables that a system works with: RoPE, masks and orders. */
export async function replayTables(subject: GeneratorSubject): Promise<void> {
  await replayRotary(subject);
  await replayMasks(subject);
  replayLists(subject);
}
