import { randArStep } from '../../../graphs/randAr.js';
import { InputError, UserError } from '../../../src/errors.js';
import { type DecoderFields, decoderNetwork } from '../../../src/systems/decoderFields.js';
import { system as mar } from '../../../src/systems/mar.js';
import { system as maskGit } from '../../../src/systems/maskGit.js';
import { findSystem, SYSTEM_NAMES } from '../../../src/systems/registry.js';
import { system as varSystem } from '../../../src/systems/var.js';
import { floatTensor, type Target } from '../../../src/targets/target.js';
import { vq } from '../../../src/tokenizers/vq.js';
import { type Checklist, createChecklists, type Outcome, TWIN_WEIGHTS } from './checklist.js';
import { type Configuration, type GoldenSet, readNumbers } from './goldenSet.js';
import { replayMar } from './mar/replay.js';
import { replayKlVae } from './mar/replayKlVae.js';
import { replayEvaluation } from './evaluation/replay.js';
import { replayMaskGit } from './maskGit/replay.js';
import { NAR_EXTRAS, PAR_EXTRAS } from './parNar.js';
import { replayGenerator } from './replayGenerator.js';
import { replayTokenizer } from './replayTokenizer.js';
import type { SystemExtras } from './subject.js';
import { replayVar } from './var/replay.js';

/** Replays one configuration of a set. */
type Replay = (
  set: GoldenSet,
  configuration: Configuration,
  target: Target,
  checklist: Checklist,
) => Promise<void>;

/** What systems need beyond their contract. */
const EXTRAS: Readonly<Record<string, SystemExtras>> = {
  randar: {
    wholeStep: (config) => {
      const network = decoderNetwork(config as DecoderFields);
      return randArStep(network, network.grid, 'extend', { allLogits: true });
    },
  },
  par: PAR_EXTRAS,
  nar: NAR_EXTRAS,
};

/** What sets of KL autoencoders are called. */
const KL_VAE_SETS = 'mar-vae';
/** What sets of the measures of pictures are called. */
const EVALUATION_SETS = 'eval';

/** How sets of a kind are replayed; undefined for kinds that there are none of. */
function replayOf(kind: string): Replay | undefined {
  if (kind === vq.name) return replayTokenizer;
  if (kind === EVALUATION_SETS) return replayEvaluation;
  if (kind === maskGit.name) return replayMaskGit;
  if (kind === mar.name) return replayMar;
  if (kind === KL_VAE_SETS) return replayKlVae;
  if (kind === varSystem.name) return replayVar;
  const system = findSystem(kind);
  return system && ((...rest) => replayGenerator(system, EXTRAS[kind] ?? {}, ...rest));
}

/** @throws InputError where sets of this kind cannot be replayed. */
export function requireReplay({ name, kind }: GoldenSet): Replay {
  const replay = replayOf(kind);
  if (!replay)
    throw new InputError(
      `${name}: sets of '${kind}' cannot be replayed; there are ${[...SYSTEM_NAMES, vq.name, KL_VAE_SETS, EVALUATION_SETS].join(', ')}`,
    );
  return replay;
}

/** Tensors of a kind of set that are no weights. */
function ignoredOf(kind: string): readonly RegExp[] {
  return kind === vq.name ? vq.ignored : (findSystem(kind)?.checkpoint.ignored ?? []);
}

const NO_TENSOR = floatTensor([0], []);

/** Checks that the weights are the same in both of their files. */
function compareTwins({ kind, weights, twin }: GoldenSet, checklist: Checklist): void {
  if (!twin || !checklist.asks(TWIN_WEIGHTS)) return;
  const names = [...weights.names, ...twin.names];
  const ignored = ignoredOf(kind);
  // What nothing needs may be in one of them alone.
  for (const name of new Set(names.filter((own) => !ignored.some((known) => known.test(own))))) {
    const [own, other] = [weights, twin].map((dictionary) => {
      const stored = dictionary.tensor(name);
      return stored ? readNumbers(stored, name) : NO_TENSOR;
    });
    checklist.compareWith('weights', TWIN_WEIGHTS, name, other!, own!);
  }
}

/**
 * Replays a set on a target.
 * @param only checks the keys alone that match it
 * @throws InputError naming what of the set cannot be used.
 */
export async function replay(set: GoldenSet, target: Target, only?: string): Promise<Outcome> {
  const replayConfiguration = requireReplay(set);
  const checklists = createChecklists(set, only);
  compareTwins(set, checklists.under(''));
  for (const configuration of set.configurations)
    try {
      await replayConfiguration(set, configuration, target, checklists.under(configuration.prefix));
    } catch (error) {
      if (error instanceof UserError) throw error;
      // Whatever a set says that its network cannot do.
      throw new InputError(`${set.name}: it cannot be replayed: ${(error as Error).message}`, error);
    }
  return checklists.outcome();
}
