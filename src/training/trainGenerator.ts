import { join } from 'node:path';
import { inTurn, sharing } from '../cluster/peers.js';
import type { OpenedTokens } from '../data/tokenSource.js';
import { openGenerator, openTokenizer, type TokenizerModel } from '../models/modelFolder.js';
import { parseSystemConfig } from '../models/parseConfig.js';
import { requireSystem } from '../systems/registry.js';
import { recipeFor, type System } from '../systems/system.js';
import { createTokenizer, type Tokenizer } from '../tokenizers/tokenizer.js';
import { generatorStart } from './fineTune.js';
import { generatorTraining, requireTokensOf } from './generatorRun.js';
import { type GeneratorRunSettings, newGeneratorRun, parseGeneratorRun } from './generatorSettings.js';
import { loadTokens } from './loadTokens.js';
import { type OpenRun, withRun } from './openRun.js';
import { finishRun, startingWeights, trainRun, writePreview } from './performRun.js';
import { sampleGrid } from './preview.js';
import type { GeneratorRequest, TrainedRun, TrainingHost } from './request.js';
import { loopSettings, type SharedRunSettings } from './runSettings.js';
import type { TrainingSettings } from './trainingLoop.js';

/**
 * Trains a generator, as `arpg train` does: makes a run or continues one, makes tokens of the images, trains with
 * checkpoints and sample pictures, draws the losses, and writes a model folder with the weights of the lowest held-out
 * loss.
 * @throws UsageError, InputError for a request that cannot be followed, OutputError when the run cannot be written or
 *   another process works on it, TargetError when nothing can run it; the signal's reason when it is stopped before the
 *   first step. Checkpoints before stay.
 */
export async function trainGenerator(request: GeneratorRequest, host: TrainingHost): Promise<TrainedRun> {
  let given: OpenedTokens | undefined;
  const kind = {
    validate: parseGeneratorRun,
    make: async (shared: SharedRunSettings) => {
      const { settings, tokens } = await newGeneratorRun(request, shared, host);
      given = tokens;
      return settings;
    },
  };
  return sharing(host.peers, () =>
    withRun(request, host, kind, async (run) => {
      const system = requireSystem(run.settings.system);
      const config = parseSystemConfig(system, run.settings.config, join(run.folder, 'run.json'));
      const model = openTokenizer(run.settings.tokenizer);
      const tokenizer = createTokenizer(model, run.target);
      try {
        const training = await prepare(
          run,
          { system, config, tokenizer, tokenizerModel: model, given },
          host,
        );
        const result = await trainRun(run, training, host);
        return await finishRun(run, result, host, (weights) => ({
          generator: { system, config, weights, labels: run.settings.labels },
          tokenizer: model,
        }));
      } finally {
        await tokenizer.dispose();
      }
    }),
  );
}

/** What a run is prepared with. */
interface Prepared {
  readonly system: System;
  readonly config: object;
  readonly tokenizer: Tokenizer;
  readonly tokenizerModel: TokenizerModel;
  /** The data set as tokens, where it was opened before. */
  readonly given: OpenedTokens | undefined;
}

/** The tokens of a run, and what the loop needs to train on them. */
async function prepare(
  run: OpenRun<GeneratorRunSettings>,
  { system, config, tokenizer, tokenizerModel, given }: Prepared,
  host: TrainingHost,
): Promise<TrainingSettings> {
  const { folder, settings, target } = run;
  const { labels, seed } = settings;
  const { config: tokenizerConfig, weights: tokenizerWeights } = tokenizerModel;
  const facts = system.config.facts(config);
  const tokens = await inTurn(host.peers, () =>
    loadTokens(
      run,
      {
        tokenizer,
        codes: facts.codes,
        given,
        check: (found, source) => requireTokensOf(facts, found, source),
      },
      host,
    ),
  );
  host.onNote?.(`${tokens.classIds.length} images of ${facts.classes} classes`);
  return generatorTraining(tokens, {
    system,
    config,
    batchSize: settings.batch,
    heldOutShare: settings.holdout,
    labelDropout: settings.label_dropout,
    dropout: settings.dropout,
    classAlone: settings.class_alone,
    parts: settings.accumulate,
    recompute: settings.recompute,
    settings: {
      ...loopSettings(settings, recipeFor(system, config)),
      ...(host.peers && { peers: host.peers }),
      ...startingWeights(
        folder,
        settings,
        (init) =>
          generatorStart(
            openGenerator(init),
            { system, config, labels, tokenizer: tokenizerConfig },
            init,
            seed,
          ).weights,
        () => new Map([...tokenizerWeights].filter(([name]) => system.checkpoint.ofTokenizer?.test(name))),
      ),
      preview: async (step, weights) => {
        writePreview(folder, step, await sampleGrid({ system, config, weights }, tokenizer, target));
      },
    },
  });
}
