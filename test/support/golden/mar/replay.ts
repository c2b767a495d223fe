import { matchParameters } from '../../../../src/models/matchParameters.js';
import { parseSystemConfig } from '../../../../src/models/parseConfig.js';
import { parameterGraphs } from '../../../../src/models/tokenizerParameters.js';
import { system as mar } from '../../../../src/systems/mar.js';
import type { System } from '../../../../src/systems/system.js';
import type { Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { Configuration, GoldenSet } from '../goldenSet.js';
import { replayPieces } from './replayPieces.js';
import { replaySampling } from './replaySampling.js';
import { replayTables } from './replayTables.js';
import { replayTraining } from './replayTraining.js';

/** Replays one configuration of a set of MAR. */
export async function replayMar(
  { source, weights: dictionary }: GoldenSet,
  { fields: given, cases }: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const fields = parseSystemConfig(mar, given, source);
  const graphs = parameterGraphs(mar as unknown as System, fields);
  const weights = matchParameters(graphs, dictionary, source, mar.checkpoint);
  const subject = { fields, weights, source, target, checklist };
  replayTables(subject);
  await replayPieces(subject);
  await replayTraining(subject);
  await replaySampling(subject, cases);
}
