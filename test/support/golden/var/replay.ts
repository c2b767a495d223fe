import { multiScaleDecoder, multiScaleEncoder } from '../../../../graphs/multiScaleVq.js';
import { matchParameters } from '../../../../src/models/matchParameters.js';
import { parseSystemConfig } from '../../../../src/models/parseConfig.js';
import { parameterGraphs } from '../../../../src/models/tokenizerParameters.js';
import { system } from '../../../../src/systems/var.js';
import { varNetwork } from '../../../../src/systems/varFields.js';
import type { Target } from '../../../../src/targets/target.js';
import { multiScaleVq } from '../../../../src/tokenizers/multiScaleVq.js';
import { multiScaleVqConfig } from '../../../../src/tokenizers/multiScaleVqFields.js';
import type { Checklist } from '../checklist.js';
import type { Configuration, GoldenSet } from '../goldenSet.js';
import { replayGeneration } from './replayGeneration.js';
import { replayVarPieces } from './replayPieces.js';
import { replayTables } from './replayTables.js';
import { replayVae } from './replayTokenizer.js';
import { replayVarTraining } from './replayTraining.js';
import { sectionsOf } from './sections.js';

/** Replays one configuration of a set of VAR, whose weights are the generator's and its tokenizer's. */
export async function replayVar(
  set: GoldenSet,
  { fields: given, cases }: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const { source } = set;
  const fields = parseSystemConfig(system, given, source);
  const tokenizer = multiScaleVqConfig({ ...fields.vae_kwargs, v_patch_nums: fields.patch_nums });
  const graphs = [
    ...parameterGraphs(system, fields),
    multiScaleEncoder(tokenizer),
    multiScaleDecoder(tokenizer),
  ];
  const ignored = [...system.checkpoint.ignored, ...multiScaleVq.ignored];
  const weights = matchParameters(graphs, set.weights, source, { ignored });
  const network = varNetwork(fields);
  const subject = {
    fields,
    network,
    tokenizer,
    weights,
    sections: sectionsOf(source),
    source,
    target,
    checklist,
  };
  await replayTables(subject);
  await replayVae(subject);
  await replayVarTraining(subject);
  await replayVarPieces(subject);
  await replayGeneration(subject, cases);
}
