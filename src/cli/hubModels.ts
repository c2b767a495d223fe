import { DEFAULT_HUB, fetchedModel, fetchModel, isHubName, type OfferedModel } from '../index.js';
import { type Progress, startProgress } from './progress.js';
import { printMessage } from './terminal.js';

const MEGABYTE = 1e6;

/** A bar for each file that is fetched, one after another. */
export interface FetchProgress {
  readonly onProgress: (file: string, bytes: number, total: number | undefined) => void;
  stop(): void;
}

/** Shows how much of each file is there. */
export function fetchProgress(enabled: boolean): FetchProgress {
  let bar: { readonly file: string; readonly progress: Progress } | undefined;
  return {
    onProgress: (file, bytes, total) => {
      if (bar?.file !== file) {
        bar?.progress.stop();
        const megabytes = Math.ceil((total ?? 0) / MEGABYTE);
        bar = { file, progress: startProgress(file, megabytes, 'MB', enabled) };
      }
      bar.progress.update(bytes / MEGABYTE);
    },
    stop: () => bar?.progress.stop(),
  };
}

/** What is fetched, from where and where to. */
function announcement(name: string, { bytes, license }: OfferedModel, hub: string, folder: string): string {
  const size = `${(bytes / MEGABYTE).toFixed(1)} MB`;
  const terms = license === undefined ? 'its licence is not stated' : `licence ${license}`;
  return `model ${name}: ${size}, ${terms}; fetched from ${hub} into ${folder}`;
}

/**
 * The folder of the model that `--model` names: a hub's model is fetched on first use, and its size and licence are said
 * before. `HF_ENDPOINT`, `HF_TOKEN` and `ARPG_OFFLINE` count as they do for `arpg pull`.
 * @param name a folder, or `owner/name[@revision]`
 * @throws InputError when it cannot be had.
 */
export async function fetchedFolder(
  name: string,
  quiet: boolean,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  if (!isHubName(name)) return name;
  const { HF_ENDPOINT: hub = DEFAULT_HUB, HF_TOKEN: token, ARPG_OFFLINE: offline = '' } = environment;
  const bars = fetchProgress(!quiet);
  try {
    return await fetchModel(name, {
      hub,
      offline: /^(1|true|yes|y)$/i.test(offline),
      ...(token && { token }),
      onModel: (model) => {
        if (!quiet) printMessage(announcement(name, model, hub, fetchedModel(name, { hub })!));
      },
      onProgress: bars.onProgress,
    });
  } finally {
    bars.stop();
  }
}

/** The folder of a hub's model that was fetched before; undefined where none was. Nothing is fetched. */
export function knownFolder(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return fetchedModel(name, { hub: environment.HF_ENDPOINT ?? DEFAULT_HUB });
}
