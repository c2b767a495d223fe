import { join } from 'node:path';
import { type ImageSource, openImageSource } from '../data/imageSource.js';
import type { Weights } from '../graph/weights.js';
import { openTokenizer } from '../models/modelFolder.js';
import { createTokenizer } from '../tokenizers/tokenizer.js';
import { type OfficialVqConfig, vq } from '../tokenizers/vq.js';
import { parseTokenizerConfig } from '../models/parseConfig.js';
import { CODEBOOK } from './deadCodes.js';
import { tokenizerStart } from './fineTune.js';
import { type OpenRun, withRun } from './openRun.js';
import { finishRun, startingWeights, trainRun, writePreview } from './performRun.js';
import { reconstructionGrid } from './preview.js';
import type { TokenizerRequest, TrainedRun, TrainingHost } from './request.js';
import { failureNotes, shrinkingNote } from './runNotes.js';
import { loopSettings, type SharedRunSettings } from './runSettings.js';
import { tokenizerTraining } from './tokenizerRun.js';
import {
  frozenOf,
  lossesOf,
  newTokenizerRun,
  parseTokenizerRun,
  requireBatchMemory,
  type TokenizerRunSettings,
} from './tokenizerSettings.js';
import type { TrainingSettings } from './trainingLoop.js';

/**
 * Trains a tokenizer, as `arpg train tokenizer` does: makes a run or continues one, trains with checkpoints and pictures
 * of reconstructions, draws the losses, and writes a model folder with the weights of the lowest held-out loss.
 * @throws UsageError, InputError for a request that cannot be followed, OutputError when the run cannot be written or
 *   another process works on it, TargetError when nothing can run it; the signal's reason when it is stopped before the
 *   first step. Checkpoints before stay.
 */
export async function trainTokenizer(request: TokenizerRequest, host: TrainingHost): Promise<TrainedRun> {
  const kind = {
    validate: parseTokenizerRun,
    make: (shared: SharedRunSettings) => newTokenizerRun(request, shared),
  };
  return withRun(request, host, kind, async (run) => {
    const config = parseTokenizerConfig(vq, run.settings.config, join(run.folder, 'run.json'));
    const source = await openImageSource(run.settings.data);
    for (const note of source.notes) host.onNote?.(note);
    host.onNote?.(`${source.count} images of ${source.labels.length} classes`);
    const shrunk = await shrinkingNote(source, config.image_size);
    if (shrunk !== undefined) host.onNote?.(`${shrunk}; --image-size chooses another size`);
    requireBatchMemory(run.settings, config);
    const result = await trainRun(run, await prepare(run, config, source, host), host);
    for (const note of failureNotes(source.failures, 'replaced by others')) host.onNote?.(note);
    return finishRun(run, result, host, (weights) => ({
      tokenizer: { kind: vq, config, weights: withoutDiscriminator(weights) },
    }));
  });
}

/** What the loop needs to train a run on images. */
async function prepare(
  { folder, settings, target }: OpenRun<TokenizerRunSettings>,
  config: OfficialVqConfig,
  source: ImageSource,
  { onNote }: TrainingHost,
): Promise<TrainingSettings> {
  const { adversarial: weight, adversarial_start: start, restart_after: restartAfter } = settings;
  const isCodebookFrozen = frozenOf(settings, config).has(CODEBOOK);
  if (isCodebookFrozen && restartAfter > 0) onNote?.('the codebook is frozen: codes without use stay, too');
  return tokenizerTraining(source, {
    config,
    losses: lossesOf(settings),
    adversarial: weight > 0 ? { weight, start } : undefined,
    batchSize: settings.batch,
    heldOutShare: settings.holdout,
    augmentation: { flip: settings.flip, crop: settings.crop },
    restartAfter: isCodebookFrozen ? 0 : restartAfter,
    parts: settings.accumulate,
    recompute: settings.recompute,
    settings: {
      ...loopSettings(settings),
      ...startingWeights(folder, settings, (init) => tokenizerStart(openTokenizer(init), config, init)),
      preview: async (step, weights) => {
        const tokenizer = createTokenizer({ kind: vq, config, weights }, target);
        writePreview(folder, step, await reconstructionGrid(source, tokenizer));
        await tokenizer.dispose();
      },
    },
  });
}

/** What a model folder keeps: only the training needs the discriminator. */
function withoutDiscriminator(weights: Weights): Weights {
  return new Map([...weights].filter(([name]) => !name.startsWith('discriminator.')));
}
