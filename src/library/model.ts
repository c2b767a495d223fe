import { areAlike, describeCodes, vocabularyOf } from '../codes.js';
import type { Grid, RopeScaling } from '../../graphs/rotary.js';
import { chooseClasses } from '../conditions/classGroups.js';
import { createSampler } from '../systems/sampler.js';
import type { SystemFacts } from '../systems/system.js';
import type { Sampler } from '../sampling/sampler.js';
import { findClasses } from '../conditions/labels.js';
import {
  type GeneratorModel,
  openGenerator,
  openTokenizer,
  type TokenizerModel,
} from '../models/modelFolder.js';
import { InputError, UsageError } from '../errors.js';
import { inRunPrecision, type RunPrecision, RUN_PRECISIONS } from '../models/precision.js';
import { requireOneOf } from './settings.js';
import { DEFAULT_MODEL, modelFolder, shownName } from '../modelPlaces.js';
import { requireModelThere } from './modelNames.js';
import { resolveTarget, type ResolveOptions } from '../targets/resolveTarget.js';
import type { Target } from '../targets/target.js';
import { createTokenizer, type Tokenizer } from '../tokenizers/tokenizer.js';

export interface LoadOptions extends ResolveOptions {
  /** What runs the model: `auto` (default), `onnx`, `gpujs`, `gpujs:webgpu`, …, `reference`, or a target made before. */
  readonly target?: string | Target;
  /** In what the generator computes: `fp32`, `int8` or `int4` (default: what its folder is stored for, mostly `fp32`). */
  readonly precision?: RunPrecision;
}

/** A model ready to draw. Its parts are opened and compiled when first used, and kept until `dispose`. */
export interface Model {
  readonly folder: string;
  readonly target: Target;
  /** Configuration, weights and class names. @throws InputError when the folder holds no usable generator. */
  readonly generator: GeneratorModel;
  /** The generator's own grid, its classes and its vocabulary. */
  readonly facts: SystemFacts;
  /** Configuration and weights. @throws InputError when the folder holds no usable tokenizer. */
  readonly tokenizerModel: TokenizerModel;
  /** Turns images into tokens and back. */
  readonly tokenizer: Tokenizer;
  /**
   * The generator for a token grid, by default the trained one; compiled when first used.
   * @throws UsageError for another grid where the system draws its own alone.
   */
  sampler(grid?: Grid, ropeScaling?: RopeScaling): Sampler;
  /** Frees the generators that were compiled, but not the tokenizer; what is drawn next compiles them again. */
  releaseSamplers(): Promise<void>;
  /**
   * The class of an index or name, or the classes of a group. A number is an index; a text is a name, or else an index:
   * `'5'` is the class named 5 where there is one, `5` always the class of that index.
   * @throws UsageError with the nearest names when there is none.
   */
  classIndices(indexOrName: number | string): readonly number[];
  /** What else a class name could have meant than what `classIndices` finds; undefined where nothing. */
  classNote(indexOrName: number | string): string | undefined;
  /** Frees what the target holds; once is enough, and nothing can be drawn afterwards. */
  dispose(): Promise<void>;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * Opens a model folder.
 * @param nameOrFolder a folder, or the name of a model that comes with arpg
 * @throws UsageError for options that are none, TargetError when the target does not work here; what is wrong with the folder is said when it is first used.
 */
export async function load(
  nameOrFolder: string = DEFAULT_MODEL,
  { target: wanted = 'auto', precision, ...settings }: LoadOptions = {},
): Promise<Model> {
  if (typeof nameOrFolder !== 'string')
    throw new UsageError(`model ${String(nameOrFolder)} is neither a name nor a folder`);
  if (typeof wanted !== 'string' && typeof wanted?.compile !== 'function')
    throw new UsageError(`target ${String(wanted)} is neither a name nor a target`);
  if (precision !== undefined) requireOneOf(precision, 'precision', RUN_PRECISIONS);
  const folder = modelFolder(nameOrFolder);
  const target = typeof wanted === 'string' ? await resolveTarget(wanted, settings) : wanted;
  const generator = once(() => {
    requireModelThere(folder);
    return inRunPrecision(openGenerator(folder), precision, folder);
  });
  const tokenizerModel = once(() => {
    requireModelThere(folder);
    return openTokenizer(folder);
  });
  const tokenizers: Tokenizer[] = [];
  const tokenizer = once(() => {
    const made = createTokenizer(tokenizerModel(), target);
    tokenizers.push(made);
    return made;
  });
  const facts = once(() => generator().system.config.facts(generator().config));
  const samplers = new Map<string, Sampler>();
  let isDisposed = false;
  const requireOpen = (): void => {
    if (isDisposed) throw new UsageError(`the model ${folder} was disposed of: load it again`);
  };
  const releaseSamplers = async (): Promise<void> => {
    const released = [...samplers.values()];
    samplers.clear();
    await Promise.all(released.map((sampler) => sampler.dispose()));
  };
  return {
    folder,
    target,
    get generator() {
      return generator();
    },
    get facts() {
      return facts();
    },
    get tokenizerModel() {
      return tokenizerModel();
    },
    get tokenizer() {
      requireOpen();
      return tokenizer();
    },
    sampler(grid, ropeScaling = 'extend') {
      requireOpen();
      const { height, width } = grid ?? facts().grid;
      const key = `${height}×${width} ${ropeScaling}`;
      const sampler = samplers.get(key) ?? createSampler(generator(), target, { height, width }, ropeScaling);
      samplers.set(key, sampler);
      return sampler;
    },
    releaseSamplers,
    classIndices(indexOrName) {
      const { labels, aliases } = generator();
      return findClasses(indexOrName, facts().classes, labels, shownName(folder), aliases);
    },
    classNote(indexOrName) {
      const { labels, aliases } = generator();
      return chooseClasses(indexOrName, facts().classes, labels, aliases).note;
    },
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      await releaseSamplers();
      await Promise.all(tokenizers.map((made) => made.dispose()));
    },
  };
}

/**
 * Refuses a generator that draws tokens which the tokenizer cannot decode or, where pictures are encoded too, that does
 * not know all of the tokenizer's.
 * @throws InputError naming the folder.
 */
export function requireMatchingParts(
  { folder, facts, generator: { system }, tokenizerModel: { kind, config } }: Model,
  use: 'decode' | 'encode and decode',
): void {
  if (kind.codes !== system.codes)
    throw new InputError(
      `${folder}: the generator draws ${system.codes}, the tokenizer knows ${kind.codes}; they do not belong together`,
    );
  const [spoken, drawn] = [kind.facts(config).codes, facts.codes];
  // A codebook may hold more than the generator draws from, as long as no picture is to become tokens.
  const [codes, known] = [vocabularyOf(spoken), vocabularyOf(drawn)];
  if (codes < known || (use === 'encode and decode' && codes > known))
    throw new InputError(
      `${folder}: the tokenizer has ${codes} codes, the generator knows ${known}; they do not belong together`,
    );
  if (!areAlike(spoken, drawn))
    throw new InputError(
      `${folder}: the tokenizer has ${describeCodes(spoken)}, the generator ${describeCodes(drawn)}; they do not belong together`,
    );
}
