import { type CodesShape, formOf, type TokenGrid } from '../codes.js';
import { emptyClassesNote } from '../data/classLabels.js';
import { openImageSource } from '../data/imageSource.js';
import type { PictureList } from '../data/pictureList.js';
import { type OpenedTokens, openTokenSet, type TokenSet } from '../data/tokenSource.js';
import { InputError } from '../errors.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import type { TokenizerModel } from '../models/modelFolder.js';
import { encodeSource } from './generatorRun.js';
import type { OpenRun } from './openRun.js';
import type { TrainingHost } from './request.js';
import { failureNotes, shrinkingNote } from './runNotes.js';
import type { SharedRunSettings } from './runSettings.js';
import { readTokenCache, writeTokenCache } from './tokenCache.js';

/** What a generator must be sized for. */
export interface DataSizes {
  /** Names of the classes by index; empty where they have none. */
  readonly labels: readonly string[];
  readonly classes: number;
  /** Of an image. */
  readonly grid: TokenGrid;
}

/**
 * The sizes of a data set of images with a tokenizer.
 * @throws InputError naming the folder or file at fault.
 */
export async function describeImages(
  path: string,
  { kind, config }: Pick<TokenizerModel, 'kind' | 'config'>,
): Promise<DataSizes> {
  const { labels } = await openImageSource(path);
  const { imageSize, factor } = kind.facts(config);
  const side = imageSize / factor;
  return { labels, classes: labels.length, grid: { height: side, width: side } };
}

/**
 * The pictures with the classes as the run numbers them, which a later version of the data may not.
 * @throws InputError naming the class that the run does not know.
 */
function withLabels<T extends PictureList>(source: T, labels: readonly string[], path: string): T {
  const classIds = source.labels.map((label) => labels.indexOf(label));
  const unknown = classIds.indexOf(-1);
  if (unknown >= 0)
    throw new InputError(`${path}: class '${source.labels[unknown]}' was not there when the run began`);
  return { ...source, classOf: (index) => classIds[source.classOf(index)]! };
}

/** What the tokens of a run are made with. */
export interface TokenNeeds {
  readonly tokenizer: Tokenizer;
  /** What the generator draws. */
  readonly codes: CodesShape;
  /** The data set as tokens, where it was opened before. */
  readonly given: OpenedTokens | undefined;
  /** @throws InputError naming the source when the tokens do not fit the run. */
  readonly check: (tokens: TokenSet, source: string) => void;
}

/**
 * The data of a run as tokens: as given, as they are, from the run's cache, or encoded now and kept there.
 * @throws InputError for data that cannot be read or do not fit the run, the signal's reason when it is stopped.
 */
export async function loadTokens(
  { folder, settings }: OpenRun<SharedRunSettings & { readonly labels: readonly string[] }>,
  { tokenizer, codes, given, check }: TokenNeeds,
  { signal, onNote, onProgress }: TrainingHost,
): Promise<TokenSet> {
  const { data, labels, flip } = settings;
  const opened = given ?? openTokenSet(data, codes);
  for (const note of opened?.notes ?? []) onNote?.(note);
  const ready = opened ?? readTokenCache(folder, formOf(codes));
  if (ready) {
    check(ready, opened ? data : folder);
    return ready;
  }
  const source = await openImageSource(data);
  for (const note of source.notes) onNote?.(note);
  const shrunk = await shrinkingNote(source, tokenizer.facts.imageSize);
  if (shrunk !== undefined)
    onNote?.(`${shrunk}, the tokenizer's size; train one with --image-size for another`);
  const report = (done: number) => {
    signal?.throwIfAborted();
    onProgress?.({ phase: 'tokenizing', done, total: source.count });
  };
  report(0);
  const { tokens, failures } = await encodeSource(withLabels(source, labels, data), tokenizer, flip, report);
  for (const note of failureNotes(failures, 'left out')) onNote?.(note);
  const empty = failures.size > 0 ? emptyClassesNote(tokens.classIds, labels) : undefined;
  if (empty !== undefined) onNote?.(empty);
  writeTokenCache(folder, tokens);
  return tokens;
}
