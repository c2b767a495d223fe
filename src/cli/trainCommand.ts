import type { Interfaces } from '@oclif/core';
import type { Peers } from '../cluster/peers.js';
import type { RunProgress, TrainedRun, TrainingHost } from '../faces/training.js';
import { BaseCommand, type commonFlags } from './baseCommand.js';
import { modelFolder, requireModelThere } from '../index.js';
import { fetchedFolder } from './hubModels.js';
import { type Progress, startProgress } from './progress.js';
import { withRanks } from './ranks.js';
import { exitCodeOfSignal, firstStopSignal } from './signals.js';
import type { trainFlags } from './trainFlags.js';

type TrainFlags = Interfaces.InferredFlags<typeof trainFlags> & Interfaces.InferredFlags<typeof commonFlags>;

/** How the bar of each phase counts. */
const UNITS = { tokenizing: 'images', training: 'steps | loss {loss} | {rate} images/s' };

/** Bars for the phases of a training, one at a time. */
function trainingBars(enabled: boolean) {
  let shown: { readonly phase: RunProgress['phase']; readonly bar: Progress } | undefined;
  const stop = () => {
    shown?.bar.stop();
    shown = undefined;
  };
  const update = ({ phase, done, total, loss, imagesPerSecond }: RunProgress) => {
    if (shown?.phase !== phase) stop();
    shown ??= { phase, bar: startProgress(phase, total, UNITS[phase], enabled) };
    const isKnown = loss !== undefined && imagesPerSecond !== undefined;
    shown.bar.update(done, isKnown ? { loss: loss.toFixed(4), rate: imagesPerSecond.toFixed(1) } : {});
  };
  return { stop, update };
}

/** What the two training commands share. */
export abstract class TrainCommand extends BaseCommand {
  private peers: Peers | undefined;

  /** What the command does, at each of the ranks that train together. */
  protected abstract perform(): Promise<void>;

  async run(): Promise<void> {
    await withRanks(async (peers) => {
      this.peers = peers;
      await this.perform();
    });
  }

  /**
   * The folder of a model that a flag names as `--model` does; undefined or empty where it names none.
   * @throws InputError with the names that may have been meant when it is not there.
   */
  protected async modelNamed(flags: TrainFlags, name: string | undefined): Promise<string | undefined> {
    if (name === undefined || name === '') return name;
    const folder = await fetchedFolder(modelFolder(name), flags.quiet);
    requireModelThere(folder);
    return folder;
  }

  /** Trains with bars and notes; an interrupt saves first and ends with its exit code. */
  protected async train(
    flags: TrainFlags,
    training: (host: TrainingHost) => Promise<TrainedRun>,
  ): Promise<void> {
    const { peers } = this;
    const speaks = peers?.isFirst ?? true;
    if (peers && speaks) this.note(flags, `${peers.size} ranks train together, joined by ${peers.library}`);
    const bars = trainingBars(!flags.quiet && speaks);
    const stopping = firstStopSignal();
    const host: TrainingHost = {
      target: () => this.chooseTarget(flags),
      signal: stopping.signal,
      ...(peers && { peers }),
      onNote: (note) => {
        if (!speaks) return;
        bars.stop();
        this.note(flags, note);
      },
      onProgress: (progress) => {
        // Whoever interrupts before has nothing to save.
        if (progress.phase === 'training') stopping.listen();
        bars.update(progress);
      },
    };
    const { run, step, stopped, model } = await training(host).finally(bars.stop);
    // Where another rank heard the signal, this one ends as if it had.
    const heard = stopping.heard() ?? (peers && 'SIGTERM');
    if (stopped && heard) process.exitCode = exitCodeOfSignal(heard);
    if (speaks) await this.result(flags, { run, step, ...(model !== undefined && { model }) });
  }
}
