import {
  type Aliases,
  filledSettings,
  type GeneratorModel,
  type Grid,
  type Labels,
  load,
  type LoadOptions,
  type Model,
  modelDigest,
  openGenerator,
  openTokenizer,
  requireAbility,
  requireMatchingParts,
  resolveSettings,
  type SamplingSettings,
} from '../index.js';
import { UsageError } from '../errors.js';
import { ApiError } from './apiError.js';

/** A model that clients may ask for. */
export interface OfferedModel {
  readonly id: string;
  readonly folder: string;
}

/** What clients are told of a model. */
export interface ModelFacts {
  readonly id: string;
  /** Name and title of its system. */
  readonly system: string;
  readonly title: string;
  /** Pixels of its pictures. */
  readonly width: number;
  readonly height: number;
  /** Pixels of a token along each axis. */
  readonly tokenPixels: number;
  readonly classes: number;
  readonly labels: Labels;
  /** What else classes are called. */
  readonly aliases?: Aliases;
  readonly license: string | null;
  /** Whether parts of pictures can be drawn anew, and pictures of other sizes. */
  readonly edits: boolean;
  readonly sizes: boolean;
  /** Whether the number of steps is free. */
  readonly freeSteps: boolean;
  /** How pictures are drawn where nothing is said. */
  readonly steps: number;
  readonly guidance: number;
  readonly noGuidance: number;
  readonly temperature: number;
  readonly topP: number;
}

/** What of a model is known while it is not in memory. */
interface KnownModel {
  readonly folder: string;
  readonly facts: ModelFacts;
  readonly generator: Pick<GeneratorModel, 'system' | 'config' | 'sampling'>;
}

/** Opens a model's files to see what it is. @throws InputError naming the file at fault. */
function knownModel({ id, folder }: OfferedModel): KnownModel {
  const { weights: _, ...generator } = openGenerator(folder);
  return { folder, generator, facts: factsOf(id, folder, generator) };
}

function factsOf(
  id: string,
  folder: string,
  { system, config, labels, aliases, license, sampling = {} }: Omit<GeneratorModel, 'weights'>,
): ModelFacts {
  const tokenizer = openTokenizer(folder);
  const { grid, classes } = system.config.facts(config);
  const { factor } = tokenizer.kind.facts(tokenizer.config);
  const usual = system.defaults(config, grid, filledSettings(system.settings));
  return {
    id,
    system: system.name,
    title: system.title,
    width: grid.width * factor,
    height: grid.height * factor,
    tokenPixels: factor,
    classes,
    labels,
    ...(aliases && { aliases }),
    license: license ?? null,
    edits: system.can.known,
    sizes: system.can.grids,
    freeSteps: system.choices.steps,
    steps: usual.steps,
    guidance: sampling.guidance ?? usual.guidance,
    noGuidance: system.noGuidance,
    temperature: sampling.temperature ?? 1,
    topP: sampling.top_p ?? 1,
  };
}

/** The models of a server: what they are is known from the start, and few are in memory at once. */
export class ModelPool {
  private readonly offered: ReadonlyMap<string, KnownModel>;
  /** The one used last is the last. */
  private readonly loaded = new Map<string, Promise<Model>>();
  private readonly digests = new WeakMap<Model, Promise<string>>();
  private readonly options: LoadOptions;
  private readonly limit: number;

  /**
   * @param models at least one; the first is used where none is asked for
   * @param limit models in memory at once
   * @throws UsageError for two of one name, InputError naming a file that is at fault.
   */
  constructor(models: readonly OfferedModel[], options: LoadOptions, limit: number) {
    const twice = models.find(({ id }, index) => models.findIndex((other) => other.id === id) !== index);
    if (twice) throw new UsageError(`two models are called ${twice.id}; rename the folder of one`);
    this.offered = new Map(models.map((model) => [model.id, knownModel(model)]));
    this.options = options;
    this.limit = limit;
  }

  /** All models, the one used by default first. */
  get all(): readonly ModelFacts[] {
    return [...this.offered.values()].map(({ facts }) => facts);
  }

  /** @throws ApiError 404 naming the models there are. */
  find(id: string | undefined): ModelFacts {
    if (id === undefined) return this.all[0]!;
    const found = this.offered.get(id);
    if (found) return found.facts;
    const names = [...this.offered.keys()].join(', ');
    throw new ApiError(404, `the model does not exist; there are ${names}`, {
      ...{ param: 'model', code: 'model_not_found' },
    });
  }

  /**
   * What settings come to, before the model is in memory.
   * @throws UsageError naming the setting that is out of range, or that the model's system does not take.
   */
  resolve({ id }: ModelFacts, settings: SamplingSettings, grid?: Grid) {
    const { generator } = this.offered.get(id)!;
    return resolveSettings(settings, generator, grid ?? generator.system.config.facts(generator.config).grid);
  }

  /** @throws UsageError naming systems that can, when a model's cannot draw parts of pictures anew. */
  requireEdits({ id }: ModelFacts): void {
    requireAbility(this.offered.get(id)!.generator.system, 'known');
  }

  /** A model ready to draw; others may leave the memory for it, so that nothing else may be drawing. */
  async use({ id }: ModelFacts): Promise<Model> {
    const model = this.loaded.get(id) ?? load(this.offered.get(id)!.folder, this.options);
    this.loaded.delete(id);
    while (this.loaded.size >= this.limit) {
      const [oldest, old] = this.loaded.entries().next().value!;
      this.loaded.delete(oldest);
      await (await old).dispose();
    }
    this.loaded.set(id, model);
    try {
      const ready = await model;
      requireMatchingParts(ready, 'decode');
      return ready;
    } catch (error) {
      this.loaded.delete(id);
      throw error;
    }
  }

  /** What tells a model from others of its name, found out once while it is in memory. */
  digestOf(model: Model): Promise<string> {
    const digest = this.digests.get(model) ?? modelDigest(model.folder);
    this.digests.set(model, digest);
    return digest;
  }

  async dispose(): Promise<void> {
    const models = [...this.loaded.values()];
    this.loaded.clear();
    await Promise.all(models.map(async (model) => (await model).dispose()));
  }
}
