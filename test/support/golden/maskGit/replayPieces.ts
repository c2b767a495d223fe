import {
  maskGitAttention,
  maskGitFeedForward,
  maskGitFinalNorm,
  maskGitLayer,
  maskGitStep,
} from '../../../../graphs/maskGit.js';
import { input, scope, type Tensor } from '../../../../src/dsl/index.js';
import { makeGraph } from '../../../../src/graph/graph.js';
import { parseSystemConfig } from '../../../../src/models/parseConfig.js';
import { system as maskGit } from '../../../../src/systems/maskGit.js';
import { type MaskGitFields, maskGitNetwork } from '../../../../src/systems/maskGitFields.js';
import { runOnce } from '../subject.js';
import { fedWeights } from './fedWeights.js';
import { classesOf, inRasterOrder } from './replayTraining.js';
import type { MaskGitSubject } from './subject.js';

/** A part of the network: its scope, and how it is built from `x` and, where it takes one, the condition. */
interface Piece {
  readonly scope: string;
  readonly build: (x: Tensor, condition: Tensor) => Tensor;
  readonly isConditioned: boolean;
}

/** The part of a name such as `attn0`; undefined where there is none. */
function pieceOf(name: string, fields: MaskGitFields): Piece | undefined {
  const config = maskGitNetwork(fields);
  if (name === 'adanorm') return { scope: 'last_norm', build: maskGitFinalNorm, isConditioned: true };
  const [, part, layer] = /^([a-z]+)(\d+)$/.exec(name) ?? [];
  const place = `transformer.layers.${layer}`;
  switch (part) {
    case 'attn':
      return {
        scope: `${place}.attn`,
        build: (x) => maskGitAttention(x, config.heads),
        isConditioned: false,
      };
    case 'ff':
      return {
        scope: `${place}.ff`,
        build: (x) => maskGitFeedForward(x, config.feedForwardHidden),
        isConditioned: false,
      };
    case 'block':
      return {
        scope: place,
        build: (x, condition) => maskGitLayer(x, condition, config),
        isConditioned: true,
      };
    default:
      return undefined;
  }
}

/** Checks parts of the network on inputs of their own. */
async function replayParts({ checklist, config, weights, target }: MaskGitSubject): Promise<void> {
  for (const { key, name } of checklist.asked(/^piece\.(.+)\.out$/)) {
    const piece = pieceOf(name, config);
    if (!piece) continue;
    const x = checklist.feed(`piece.${name}.x`);
    const condition = piece.isConditioned ? checklist.feed(`piece.${name}.cond`) : undefined;
    const given = input('x', 'f32', x.shape);
    const cond = input('condition', 'f32', condition?.shape ?? []);
    const out = scope(piece.scope, () => piece.build(given, cond));
    const graph = makeGraph('piece', condition ? [given, cond] : [given], { out });
    const actual = await runOnce(target, graph, weights, { x, ...(condition && { condition }) });
    checklist.compare('states', key, key, actual.out!);
  }
}

/** Checks attention whose heads are together narrower than what they see. */
async function replayOddHeads({ checklist, sections, target }: MaskGitSubject): Promise<void> {
  const [asked] = checklist.asked(/^oddheads\.out$/);
  if (!asked || !sections.oddheads) return;
  const x = checklist.feed('oddheads.x');
  const given = input('x', 'f32', x.shape);
  const graph = makeGraph('attention', [given], {
    out: maskGitAttention(given, sections.oddheads.num_heads),
  });
  const weights = fedWeights(checklist, 'oddheads.weight.', graph);
  checklist.compare('states', asked.key, asked.key, (await runOnce(target, graph, weights, { x })).out!);
}

/** Checks a network that joins squares of tokens. */
async function replayJoined({ checklist, sections, source, target }: MaskGitSubject): Promise<void> {
  if (!sections.proj2 || checklist.asked(/^proj2\./).length === 0) return;
  const fields = parseSystemConfig(maskGit, sections.proj2, `${source}: proj2`);
  const graph = maskGitStep(maskGitNetwork(fields));
  const weights = fedWeights(checklist, 'proj2.weight.', graph);
  for (const [again, name] of Object.entries(maskGit.checkpoint.tied ?? {}))
    checklist.compare(
      'weights',
      'proj2.weight',
      `proj2.weight.${again}`,
      checklist.feed(`proj2.weight.${name}`),
    );
  const { logits } = await runOnce(target, graph, weights, {
    codes: inRasterOrder(checklist.feed('proj2.code')),
    class_ids: classesOf(checklist, 'proj2', fields.nclass),
  });
  checklist.compare('states', 'proj2.logits', 'proj2.logits', logits!);
}

/** Checks parts of the network by themselves, and networks that the set's weights are not of. */
export async function replayPieces(subject: MaskGitSubject): Promise<void> {
  await replayParts(subject);
  await replayOddHeads(subject);
  await replayJoined(subject);
}
