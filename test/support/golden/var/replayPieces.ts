import { quantizeScales, type MultiScaleQuantizer } from '../../../../graphs/multiScaleQuantizer.js';
import { rankMask } from '../../../../graphs/rankMask.js';
import { scaleOfTokens } from '../../../../graphs/var.js';
import { varBlock } from '../../../../graphs/varBlock.js';
import { concat, input, makeGraph, reshape } from '../../../../src/dsl/index.js';
import type { Checklist } from '../checklist.js';
import { fedWeights } from '../maskGit/fedWeights.js';
import { runOnce } from '../subject.js';
import type { VarSubject } from './subject.js';

/** Sizes that all pieces have. */
const SIDES: readonly number[] = [1, 2, 3];
const BLOCK = { dim: 16, layers: 2, heads: 2, feedForwardHidden: 32, normEpsilon: 1e-6 } as const;

async function replayBlocks({ checklist, target }: VarSubject): Promise<void> {
  for (const { key, name } of checklist.asked(/^piece\.block_(\w+)\.y$/)) {
    const prefix = `piece.block_${name}`;
    const config = { ...BLOCK, sharedModulation: name === 'shared', unitQueries: name !== 'no_l2' };
    const [x, cond] = [checklist.feed(`${prefix}.x`), checklist.feed(`${prefix}.cond`)];
    const [state, condition] = [input('x', 'f32', x.shape), input('cond', 'f32', cond.shape)];
    const flat = reshape(condition, [x.shape[0]!, -1]);
    const mask = rankMask(scaleOfTokens({ sides: SIDES }));
    const graph = makeGraph('block', [state, condition], {
      y: varBlock(state, flat, config, { mask }).state,
    });
    const weights = fedWeights(checklist, `${prefix}.weight.`, graph);
    const { y } = await runOnce(target, graph, weights, { x, cond });
    checklist.compare('precise', 'piece.block', key, y!);
  }
}

/** A quantiser that compares directions, with one convolution. */
const QUANTIZER: MultiScaleQuantizer = {
  sides: SIDES,
  codebookSize: 20,
  codebookDim: 6,
  convolutionShare: 0.5,
  convolutions: { kind: 'one', count: 1 },
  comparesDirections: true,
};

async function replayDirections(checklist: Checklist, { target }: VarSubject): Promise<void> {
  const prefix = 'piece.znorm_shared_phi';
  const asked = checklist.asked(/^piece\.znorm_shared_phi\.(indices|f_hat)$/);
  if (asked.length === 0) return;
  const latent = checklist.feed(`${prefix}.latent`);
  const source = input('latent', 'f32', latent.shape);
  const { indices, sums } = quantizeScales(source, QUANTIZER);
  const graph = makeGraph('quantizer', [source], { indices: concat(indices, 1), f_hat: sums.at(-1)! });
  const weights = fedWeights(checklist, `${prefix}.weight.`, graph);
  const actual = await runOnce(target, graph, weights, { latent });
  for (const { key, name } of asked)
    checklist.compare(name === 'indices' ? 'indices' : 'precise', key, key, actual[name]!);
}

/** Checks parts of networks by themselves, that the set's weights are not of. */
export async function replayVarPieces(subject: VarSubject): Promise<void> {
  await replayBlocks(subject);
  await replayDirections(subject.checklist, subject);
}
