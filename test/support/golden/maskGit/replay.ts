import { matchParameters } from '../../../../src/models/matchParameters.js';
import { parseSystemConfig } from '../../../../src/models/parseConfig.js';
import { system as maskGit } from '../../../../src/systems/maskGit.js';
import type { Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { Configuration, GoldenSet } from '../goldenSet.js';
import { replayLearningRate } from './replayLearningRate.js';
import { replayOriginal } from './replayOriginal.js';
import { replayPieces } from './replayPieces.js';
import { replaySamplers } from './replaySamplers.js';
import { replayMasks, replayTraining } from './replayTraining.js';
import { sectionsOf } from './sections.js';
import type { MaskGitSubject } from './subject.js';

/** Replays one configuration of a set of MaskGIT, and what lies beside it of other networks of that name. */
export async function replayMaskGit(
  set: GoldenSet,
  { fields, cases }: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const { source } = set;
  const config = parseSystemConfig(maskGit, fields, source);
  const weights = matchParameters([maskGit.graphs(config).step!()], set.weights, source, maskGit.checkpoint);
  const sections = sectionsOf(source);
  const subject: MaskGitSubject = { config, weights, sections, source, target, checklist };
  replayMasks(checklist);
  replayLearningRate(checklist);
  await replayTraining(subject);
  await replayPieces(subject);
  await replayOriginal(subject);
  await replaySamplers(subject, cases);
}
