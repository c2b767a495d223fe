import { withGradients } from '../../../../src/compiler/gradient.js';
import { parametersOf } from '../../../../src/graph/graph.js';
import { unknownShare } from '../../../../src/sampling/maskedSteps/shares.js';
import { system as maskGit } from '../../../../src/systems/maskGit.js';
import { hideTokens } from '../../../../src/systems/maskGitTraining.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import type { AskedKey, Checklist } from '../checklist.js';
import { runOnce } from '../subject.js';
import type { MaskGitSubject } from './subject.js';

/** Pictures of a batch that are masked at shares drawn for them. */
interface Masking {
  readonly schedule: string;
  readonly tokens: HostTensor;
  readonly progress: HostTensor;
  readonly uniforms: HostTensor;
  /** What stands for a hidden token. */
  readonly mask: number;
}

/** The tokens with those hidden that the numbers say, as the program hides them. */
function hidden({ schedule, tokens, progress, uniforms, mask }: Masking): HostTensor {
  const [rows] = tokens.shape as [number];
  const positions = tokens.data.length / rows;
  const all = Array.from(progress.data, (own, row) => {
    const start = row * positions;
    return hideTokens(
      tokens.data.subarray(start, start + positions),
      unknownShare(schedule, own, positions),
      (position) => uniforms.data[start + position]!,
      mask,
    );
  });
  return intTensor(tokens.shape, all.flat());
}

/** Where a tensor holds a value. */
function placesOf({ shape, data }: HostTensor, value: number): HostTensor {
  return intTensor(
    shape,
    Array.from(data, (own) => Number(own === value)),
  );
}

/** Checks the masks of each schedule. */
export function replayMasks(checklist: Checklist): void {
  for (const { key, name } of checklist.asked(/^mask\.(.+)\.mask$/)) {
    const uniforms = checklist.feed(`mask.${name}.uniform`);
    const tokens = intTensor(uniforms.shape, new Int32Array(uniforms.data.length));
    const progress = checklist.feed(`mask.${name}.r`);
    const masked = hidden({ schedule: name, tokens, progress, uniforms, mask: 1 });
    checklist.compare('indices', 'mask', key, placesOf(masked, 1));
  }
}

/** Checks what is drawn for the batch: labels that are left out, shares, masks. */
function replayDraws({ checklist, config, sections: { train } }: MaskGitSubject): void {
  const asked = (key: string): readonly AskedKey[] => checklist.asked(new RegExp(`^train\\.(${key})$`));
  for (const { key } of asked('drop_label')) {
    const { shape, data } = checklist.feed('train.drop_uniform');
    const dropped = Array.from(data, (uniform) => Number(uniform < train.drop_label));
    checklist.compare('indices', key, key, intTensor(shape, dropped));
  }
  for (const { key } of asked('mask_ratio')) {
    const { shape, data } = checklist.feed('train.r');
    const positions = config.input_size ** 2;
    const shares = Array.from(data, (progress) => unknownShare(train.sched_mode, progress, positions));
    checklist.compare('states', key, key, floatTensor(shape, shares));
  }
  for (const { key, name } of asked('mask|masked_code')) {
    const masked = hidden({
      schedule: train.sched_mode,
      tokens: checklist.feed('train.code'),
      progress: checklist.feed('train.r'),
      uniforms: checklist.feed('train.mask_uniform'),
      mask: config.codebook_size,
    });
    checklist.compare('indices', key, key, name === 'mask' ? placesOf(masked, config.codebook_size) : masked);
  }
}

/** The classes of a batch; where a label is left out, the class after the last. */
export function classesOf(checklist: Checklist, prefix: string, classes: number): HostTensor {
  const labels = checklist.feed(`${prefix}.y`);
  const dropped = checklist.feed(`${prefix}.drop_label`);
  const ids = Array.from(labels.data, (label, row) => (dropped.data[row] ? classes : label));
  return intTensor(labels.shape, ids);
}

/** Rows of a picture's codes, `[batch, side, side]`, one after the other: `[batch, side²]` */
export function inRasterOrder({ dtype, shape, data }: HostTensor): HostTensor {
  return { dtype, shape: [shape[0]!, data.length / shape[0]!], data };
}

/** Checks the draws of a training step, its logits, its loss and every gradient. */
export async function replayTraining(subject: MaskGitSubject): Promise<void> {
  const { checklist, target, weights, config } = subject;
  replayDraws(subject);
  const { graph } = maskGit.training(config);
  const outputs = checklist.asked(/^train\.(logits|loss)$/);
  const parameters = new Set(parametersOf(graph).map(({ name }) => name));
  const gradients = checklist.asked(/^train\.grad\.(.+)$/).filter(({ name }) => parameters.has(name));
  if (outputs.length + gradients.length === 0) return;
  const inputs = {
    tokens: inRasterOrder(checklist.feed('train.code')),
    masked_tokens: inRasterOrder(checklist.feed('train.masked_code')),
    class_ids: classesOf(checklist, 'train', config.nclass),
  };
  if (outputs.length > 0) {
    const actual = await runOnce(target, graph, weights, inputs);
    for (const { key, name } of outputs)
      checklist.compare(name === 'loss' ? 'losses' : 'states', key, key, actual[name]!);
  }
  if (gradients.length === 0) return;
  const names = gradients.map(({ name }) => name);
  const wanted = names.map((name) => `gradient.${name}`);
  const actual = await runOnce(target, withGradients(graph, 'loss', names), weights, inputs, wanted);
  for (const { key, name } of gradients)
    checklist.compare('gradients', 'train.grad', key, actual[`gradient.${name}`]!);
}
