import type { Codes, CodesKind, CodesShape, Tokens } from '../codes.js';
import type { Grid, RopeScaling } from '../../graphs/rotary.js';
import type { Condition, ConditionKind } from '../conditions/condition.js';
import type { Graph } from '../graph/graph.js';
import type { GuidanceSchedule } from '../sampling/guidance.js';
import type { Plan, PlanRequest } from '../sampling/plan.js';
import type { PictureRequest, SamplingOptions, SettingValues, StepReport } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import type { HostTensor } from '../targets/target.js';
import type { OrderChoice, OrderDraw } from './orders.js';
import type { SystemSettings } from './settings.js';

/** What the rest of the program needs to know of a configuration. */
export interface SystemFacts {
  /** The token grid that the network was made for. */
  readonly grid: Grid;
  readonly classes: number;
  /** What it draws. */
  readonly codes: CodesShape;
}

/** What is known of the data that a new network is trained on. */
export interface DataSizes {
  /** The token grid of an image, the finest of several. */
  readonly grid: Grid;
  readonly classes: number;
  readonly codes: CodesShape;
  /** The tokenizer's fields, named as in the official implementation. */
  readonly tokenizer: object;
}

/** A configuration with a published name, and what suits it. */
export interface Preset<Config> {
  readonly config: Config;
  /** The guidance scale of its best published result. */
  readonly guidance?: number;
}

/** How sampling goes where nothing is said. */
export interface SamplingChoices {
  readonly steps: number;
  /** Empty where there is none to choose. */
  readonly schedule: string;
  readonly guidance: number;
  readonly guidanceSchedule: GuidanceSchedule;
}

/** How a system's network is configured. */
export interface SystemConfig<Config> {
  /** JSON schema of the fields, named as in the official implementation, with their defaults. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly presets: Readonly<Record<string, Preset<Config>>>;
  /** Small networks that a CPU trains, without the fields that the data decides. */
  readonly trainable: Readonly<Record<string, object>>;
  /** What is wrong with fields that the schema accepts; undefined where nothing is. */
  fault(config: Config): string | undefined;
  facts(config: Config): SystemFacts;
  /** The fields that the data decides. */
  sized(data: DataSizes): object;
  /** Its sizes in a few words, such as `dim 1024, 24 layers, 16 heads`. */
  describe(config: Config): string;
  /** What another implementation would get wrong with such weights; undefined where nothing. */
  caution?(config: Config): string | undefined;
}

/** How checkpoints of a system are told and read. */
export interface SystemCheckpoint<Config> {
  /** Whether parameters of these names are the system's. */
  recognise(names: ReadonlySet<string>): boolean;
  /** The key under which official PyTorch files hold the weights. */
  readonly key: string;
  /** Tensors that official files carry beside the parameters and that nothing needs. */
  readonly ignored: readonly RegExp[];
  /** Names under which official files have a parameter once more, and the parameter: they must hold the same. */
  readonly tied?: Readonly<Record<string, string>>;
  /** The graphs that together have all parameters (default: `step` alone). */
  parameterGraphs?(config: Config): readonly string[];
  /** Names of parameters that are the tokenizer's: models have them once, with the tokenizer, and training leaves them. */
  readonly ofTokenizer?: RegExp;
  /**
   * The parameter with a row for each class, and the first of these rows. What comes before and after is the same in
   * networks with other classes.
   */
  classRows(config: Config): { readonly parameter: string; readonly first: number };
}

/** One picture to train on. */
export interface TrainingExample {
  readonly codes: Codes;
  readonly condition: Condition;
  /** Number of the picture over the whole run; all that is random about it depends on that. */
  readonly draw: number;
}

/** How a system trains. */
export interface SystemTraining {
  /** Gives `loss`, in nats. With dropout, it takes `dropout_key` i32 `[4]`. */
  readonly graph: Graph;
  /** Symbols of the graph whose sizes differ from batch to batch (default: none). */
  readonly varying?: readonly string[];
  /**
   * The inputs of the graph but `dropout_key`.
   * @param firstDraw number of the first picture of the whole batch, of which these may be a share (default: their first)
   */
  batch(
    examples: readonly TrainingExample[],
    seed: number,
    firstDraw?: number,
  ): Readonly<Record<string, HostTensor>>;
}

/** What of the optimiser is not as usual (docs/SYSTEMS.md, The training recipe). */
export interface OptimizerRecipe {
  readonly optimizer?: {
    readonly beta2: number;
    readonly weightDecay: number;
    /** What the decay is in the last step, where it changes. */
    readonly finalWeightDecay?: number;
    /** Whether tensors of one axis decay, too. */
    readonly decaysVectors: boolean;
    /** Names of parameters that do not decay. */
    readonly undecayed?: RegExp;
    /** The gradient is scaled down to this length. */
    readonly maxGradientNorm?: number;
  };
  /**
   * Share of the steps that the rate is held at its peak for, and what it then falls to, as a share of the peak; along half a
   * cosine, unless it falls in a straight line.
   */
  readonly learningRate?: {
    readonly holdShare: number;
    readonly finalShare: number;
    readonly isStraight?: boolean;
  };
}

/** How a network is trained, as far as that is chosen. */
export interface TrainingOptions {
  /** Share of elements dropped inside the network (default 0). */
  readonly dropout?: number;
  /** Share of pictures of which every token is predicted from the class alone (default 0), where the recipe has one. */
  readonly classAlone?: number;
}

/** How the official training goes where that is not said. */
export interface Recipe extends OptimizerRecipe {
  /** Share of images trained without their condition, for guidance. */
  readonly conditionDropout: number;
  readonly dropout: number;
  /** Share of images of which every token is predicted from the class alone; none in systems that cannot be trained so. */
  readonly classAlone?: number;
}

/** How the graphs of a system are built for another grid than their own. */
export interface GridOptions {
  readonly grid: Grid;
  readonly ropeScaling: RopeScaling;
}

/** How a picture is to be drawn, as far as it may not go together. */
export interface ChosenSampling {
  readonly steps: number;
  readonly schedule: string;
  readonly own: SettingValues;
  /** Undefined where none was given. */
  readonly order: OrderChoice | undefined;
}

/** What runs while pictures are drawn: all that an exported page needs of a system. It imports nothing of Node.js. */
export interface SystemDrawing<Config> {
  /** Settings that not all systems have, by name. */
  readonly settings: SystemSettings;
  /**
   * How pictures are sampled where nothing is said.
   * @param own the system's own settings, their defaults filled in
   */
  defaults(config: Config, grid: Grid, own: SettingValues): SamplingChoices;
  /** The guidance scale that is none. */
  readonly noGuidance: number;
  /** The order of a picture's positions in systems that have one of their own. */
  ownOrder?(config: Config, grid: Grid, draw: OrderDraw, own: SettingValues): readonly number[];
  /** What is wrong with a grid other than the network's own, where others can be drawn; undefined where nothing is. */
  gridFault?(config: Config, grid: Grid): string | undefined;
  /** What of the choices does not go together; undefined where nothing. */
  choiceFault?(config: Config, grid: Grid, choices: ChosenSampling): string | undefined;
  /** What pictures are in the end, where settings make that something else than the system's codes. */
  drawnCodes?(config: Config, own: SettingValues): CodesShape | undefined;
  /** @throws RangeError for steps that cannot be. */
  plan(config: Config, request: PlanRequest): Plan;
  /** Draws a batch of pictures. @returns each picture's tokens, as `Codes` has them, or as `drawnCodes` says */
  sample(
    run: GraphRunner,
    config: Config,
    plan: Plan,
    pictures: readonly PictureRequest[],
    grid: Grid,
    options: SamplingOptions,
  ): AsyncGenerator<StepReport, readonly Tokens[]>;
}

/** What a system can do beyond drawing whole pictures of its own size. */
export interface Abilities {
  /** Whether tokens may be given: inpainting, outpainting, editing. */
  readonly known: boolean;
  /** Whether grids of other sizes may be drawn. */
  readonly grids: boolean;
  /** Whether the order of the positions may be given. */
  readonly order: boolean;
}

/** What can be chosen about a system's sampling. */
export interface SystemChoices {
  /** How the tokens are shared out among the steps; none where that is fixed. */
  readonly schedules: readonly string[];
  /** Whether the number of steps is free, from 1 to one per token; else it is that of the defaults. */
  readonly steps: boolean;
  /** What that is, in words, where it is not free. */
  readonly fixedSteps?: string;
  /** How the guidance scale counts, for the help. */
  readonly guidance: string;
}

/** A generative system of the field: its networks, and how they are trained and sampled. */
export interface System<Config extends object = object> extends SystemDrawing<Config> {
  /** As `config.json` and flags have it. */
  readonly name: string;
  readonly title: string;
  /** Number of the paper on arXiv. */
  readonly paper: string;
  readonly codes: CodesKind;
  readonly conditions: readonly ConditionKind[];
  readonly can: Abilities;
  readonly choices: SystemChoices;
  readonly config: SystemConfig<Config>;
  readonly checkpoint: SystemCheckpoint<Config>;
  readonly recipe: Recipe;
  /** What of the recipe is not so in a network of these sizes. */
  recipeOf?(config: Config): Partial<Recipe>;
  /** The graphs that sampling runs, by name. */
  graphs(config: Config, options?: GridOptions): Readonly<Record<string, () => Graph>>;
  training(config: Config, options?: TrainingOptions): SystemTraining;
}

/** How a network of these sizes is trained where that is not said. */
export function recipeFor({ recipe, recipeOf }: Pick<System, 'recipe' | 'recipeOf'>, config: object): Recipe {
  return { ...recipe, ...recipeOf?.(config) };
}

/**
 * A system as it declares itself. Made through a function, so that bundlers can leave it out of pages, which need only how
 * it draws.
 */
export function defineSystem<Config extends object>(make: () => System<Config>): System<Config> {
  return make();
}
