import { join } from 'node:path';
import { sharing } from '../cluster/peers.js';
import { type ImageSource, openImageSource } from '../data/imageSource.js';
import type { Weights } from '../graph/weights.js';
import { openTokenizer } from '../models/modelFolder.js';
import type { Target } from '../targets/target.js';
import { createTokenizer, type TokenizerParts } from '../tokenizers/tokenizer.js';
import { requireTokenizer } from '../tokenizers/registry.js';
import { parseTokenizerConfig } from '../models/parseConfig.js';
import { CODEBOOK } from './deadCodes.js';
import { tokenizerStart } from './fineTune.js';
import { type OpenRun, withRun } from './openRun.js';
import { finishRun, startingWeights, trainRun, writePreview } from './performRun.js';
import { reconstructionGrid } from './preview.js';
import { latentDeviation } from './latentDeviation.js';
import type { TokenizerRequest, TrainedRun, TrainingHost } from './request.js';
import { failureNotes, shrinkingNote } from './runNotes.js';
import { loopSettings, type SharedRunSettings } from './runSettings.js';
import { tokenizerTraining } from './tokenizerRun.js';
import {
  frozenOf,
  lossesOf,
  type NewTokenizer,
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
  const runKind = {
    validate: parseTokenizerRun,
    make: (shared: SharedRunSettings) => newTokenizerRun(request, shared),
  };
  return sharing(host.peers, () =>
    withRun(request, host, runKind, async (run) => {
      const kind = requireTokenizer(run.settings.architecture);
      const config = parseTokenizerConfig(kind, run.settings.config, join(run.folder, 'run.json'));
      const made = { kind, config };
      const source = await openImageSource(run.settings.data);
      for (const note of source.notes) host.onNote?.(note);
      host.onNote?.(`${source.count} images of ${source.labels.length} classes`);
      const shrunk = await shrinkingNote(source, kind.facts(config).imageSize);
      if (shrunk !== undefined) host.onNote?.(`${shrunk}; --image-size chooses another size`);
      requireBatchMemory(run.settings, made);
      const result = await trainRun(run, await prepare(run, made, source, host), host);
      for (const note of failureNotes(source.failures, 'replaced by others')) host.onNote?.(note);
      return finishRun(run, result, host, async (weights) => {
        const trained = { ...made, weights: withoutDiscriminator(weights) };
        return { tokenizer: await scaled(trained, source, run.target, host) };
      });
    }),
  );
}

/** A tokenizer of vectors with what they are to be multiplied by, which only the trained one can tell. */
async function scaled(
  trained: TokenizerParts,
  source: ImageSource,
  target: Target,
  { onNote }: TrainingHost,
): Promise<TokenizerParts> {
  const { kind, config } = trained;
  if (!kind.training.scaled) return trained;
  const tokenizer = createTokenizer(trained, target);
  const deviation = await latentDeviation(source, tokenizer);
  await tokenizer.dispose();
  // Latents that are all alike have no scale.
  if (!(deviation > 0)) return trained;
  onNote?.(
    `the vectors have a standard deviation of ${deviation.toPrecision(4)}: scale_factor brings it to 1`,
  );
  return { ...trained, config: kind.training.scaled(config, deviation) };
}

/** What the loop needs to train a run on images. */
async function prepare(
  { folder, settings, target }: OpenRun<TokenizerRunSettings>,
  made: NewTokenizer,
  source: ImageSource,
  { onNote, peers }: TrainingHost,
): Promise<TrainingSettings> {
  const { adversarial: weight, adversarial_start: start, restart_after: restartAfter } = settings;
  const isCodebookFrozen = frozenOf(settings, made).has(CODEBOOK);
  if (isCodebookFrozen && restartAfter > 0) onNote?.('the codebook is frozen: codes without use stay, too');
  return tokenizerTraining(source, {
    ...made,
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
      ...(peers && { peers }),
      ...startingWeights(folder, settings, (init) => tokenizerStart(openTokenizer(init), made, init)),
      preview: async (step, weights) => {
        const tokenizer = createTokenizer({ ...made, weights }, target);
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
