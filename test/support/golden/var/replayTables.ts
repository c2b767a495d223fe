import { convolutionOfScale } from '../../../../graphs/multiScaleQuantizer.js';
import { area, bicubic, resample } from '../../../../graphs/resampling.js';
import { scaleOfTokens, varTables } from '../../../../graphs/var.js';
import { input, makeGraph } from '../../../../src/dsl/index.js';
import { filterLogits } from '../../../../src/sampling/filter.js';
import { keptCodes } from '../../../../src/sampling/scaleSteps/keptCodes.js';
import { system } from '../../../../src/systems/var.js';
import { recipeFor } from '../../../../src/systems/system.js';
import { SIDES_256, SIDES_512 } from '../../../../src/tokenizers/multiScaleVqFields.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import { learningRateAt, weightDecayAt } from '../../../../src/training/learningRate.js';
import type { Checklist } from '../checklist.js';
import { runOnce } from '../subject.js';
import { editMask } from './editMask.js';
import type { VarSubject } from './subject.js';

const list = (values: readonly number[]): HostTensor => intTensor([values.length], values);

async function replayNetworkTables({ checklist, network, weights, target }: VarSubject): Promise<void> {
  const { quantizer } = network;
  const lists: Readonly<Record<string, () => readonly number[]>> = {
    level: () => scaleOfTokens(quantizer),
    phi_index: () => convolutionOfScale(quantizer.convolutions.count, quantizer.sides.length),
  };
  for (const { key, name } of checklist.asked(/^tables\.(level|phi_index)$/))
    checklist.compare('indices', 'tables', key, list(lists[name]!()));
  const asked = checklist.asked(/^tables\.(mask|level_position)$/);
  if (asked.length === 0) return;
  const { mask, level_position } = await runOnce(target, varTables(network), weights, {});
  for (const { key, name } of asked)
    if (name === 'mask')
      checklist.compare('indices', 'tables', key, intTensor(mask!.shape, Array.from(mask!.data)));
    else checklist.compare('precise', 'tables.level_position', key, level_position!);
}

function replayConvolutions(checklist: Checklist): void {
  for (const { key } of checklist.asked(/^phi_index\./)) {
    const [, convolutions, scales] = /K(\d+)\.S(\d+)$/.exec(key)!;
    const actual = convolutionOfScale(Number(convolutions), Number(scales));
    checklist.compare('indices', 'phi_index', key, list(actual));
  }
}

async function replayResampling({ checklist, target }: VarSubject): Promise<void> {
  for (const { key, name } of checklist.asked(/^interp\.(.+)\.y$/)) {
    const [, method, from, to] = /^(\w+)\.(\d+)to(\d+)$/.exec(name)!;
    const x = checklist.feed(method === 'area' ? `interp.area.${from}.x` : `interp.${name}.x`);
    const rows = (method === 'area' ? area : bicubic)(Number(from), Number(to));
    const source = input('x', 'f32', x.shape);
    const graph = makeGraph('resampling', [source], { y: resample(source, rows) });
    const { y } = await runOnce(target, graph, new Map(), { x });
    checklist.compare('precise', 'interp', key, y!);
  }
}

/** top-p 0 is none in official settings, 1 in ours. */
export const topPOf = (official: number): number => official || 1;

function replayFilters(checklist: Checklist): void {
  for (const { key } of checklist.asked(/^filter\.keep\./)) {
    const [, topK, topP] = /top_k(\d+)\.top_p([\d.]+)$/.exec(key)!;
    const { shape, data } = checklist.feed('filter.logits');
    const width = shape.at(-1)!;
    const options = { topK: Number(topK), topP: topPOf(Number(topP)) };
    const kept = Array.from({ length: data.length / width }, (_, row) => {
      const logits = Float32Array.from(data.subarray(row * width, (row + 1) * width));
      return Array.from(filterLogits(logits, options), (logit) => Number(logit > -Infinity));
    });
    checklist.compare('indices', 'filter', key, intTensor(shape, kept.flat()));
  }
}

function replayMasks(checklist: Checklist): void {
  for (const { key, name } of checklist.asked(/^edit\.(.+)\.mask$/)) {
    const [y0, x0, y1, x1] = Array.from(checklist.feed(`edit.${name}.box`).data) as [
      number,
      number,
      number,
      number,
    ];
    const inpainting = checklist.feed(`edit.${name}.inpainting`).data[0] === 1;
    const side = name.startsWith('p256') ? 16 : 32;
    checklist.compare('indices', 'edit.mask', key, editMask({ y0, x0, y1, x1, inpainting }, side));
  }
  for (const { key, name } of checklist.asked(/^edit\.(.+)\.keep\.\d+$/)) {
    const sides = name.startsWith('p256') ? SIDES_256 : SIDES_512;
    const side = Number(key.split('.').at(-1));
    const kept = keptCodes(checklist.feed(`edit.${name}.mask`).data, sides);
    const start = sides.slice(0, sides.indexOf(side)).reduce((sum, own) => sum + own ** 2, 0);
    const own = kept.subarray(start, start + side ** 2);
    checklist.compare('indices', 'edit.keep', key, intTensor([side, side], Array.from(own)));
  }
}

/** Warm-up steps of the two schedules that are stored. */
const WARMUP: Readonly<Record<string, number>> = { d16: 4, d30: 7 };

function replaySchedules({ checklist, fields }: VarSubject): void {
  for (const { key, name, shape } of checklist.asked(/^schedule\.(\w+)\.(?:lr|wd)$/)) {
    const config = { ...fields, depth: Number(name.slice(1)) };
    const { learningRate, optimizer } = recipeFor(system, config);
    const [totalSteps] = shape as readonly [number];
    const { finalShare: final, holdShare, isStraight = false } = learningRate!;
    const { weightDecay, finalWeightDecay = weightDecay } = optimizer!;
    const schedule = { peak: 1, final, holdShare, isStraight, totalSteps, warmupSteps: WARMUP[name]! };
    const values = Array.from({ length: totalSteps }, (_, index) =>
      key.endsWith('lr')
        ? learningRateAt(index + 1, schedule)
        : weightDecayAt(index + 1, weightDecay, finalWeightDecay, totalSteps),
    );
    checklist.compare('rates', 'schedule', key, floatTensor(shape, values));
  }
}

/** Checks what does not depend on pictures: tables, resampling, filters, masks, schedules. */
export async function replayTables(subject: VarSubject): Promise<void> {
  await replayNetworkTables(subject);
  replayConvolutions(subject.checklist);
  await replayResampling(subject);
  replayFilters(subject.checklist);
  replayMasks(subject.checklist);
  replaySchedules(subject);
}
