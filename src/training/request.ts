import type { Peers } from '../cluster/peers.js';
import { DEFAULT_SYSTEM } from '../systems/registry.js';
import { DEFAULT_TOKENIZER } from '../tokenizers/registry.js';
import type { Target } from '../targets/target.js';

/**
 * What a training is asked for: a new run with `data` and `out`, or a known one with `resume`. What is left out has its
 * default; a run that is resumed keeps what it began with, may be told more `steps` and where its files are now, and
 * takes nothing else that would make it another run.
 */
export interface TrainingRequest {
  /** What to train on: the data set's folder or file. */
  readonly data?: string | undefined;
  /** Run folder to make. */
  readonly out?: string | undefined;
  /** Run folder to continue from its latest checkpoint. */
  readonly resume?: string | undefined;
  /** Optimiser steps, from 1 (default 1000). */
  readonly steps?: number | undefined;
  /** Images a step (default 32). */
  readonly batch?: number | undefined;
  /** Peak learning rate, above 0 (default 0.001); it falls to a tenth along a cosine. */
  readonly learningRate?: number | undefined;
  /** Steps over which the learning rate rises (default 50). */
  readonly warmup?: number | undefined;
  /** Decay of averaged weights, from 0 to below 1, which are then kept; 0 keeps the last (default). */
  readonly ema?: number | undefined;
  /** Share of the images to validate on, from 0 to below 1 (default 0.02). */
  readonly holdout?: number | undefined;
  /** Steps between checkpoints (default 100). */
  readonly checkpointEvery?: number | undefined;
  /** Parts that a batch is worked on in, to save memory (default 1). */
  readonly accumulate?: number | undefined;
  /** Computes what happens inside each block again for its gradient, to save memory (default false). */
  readonly recompute?: boolean | undefined;
  /** Mirrors every other image (default false). */
  readonly flip?: boolean | undefined;
  /** Model folder whose weights to start from (default: weights are drawn). */
  readonly init?: string | undefined;
  /** Names of parameters that stay as they are; `*` stands for any text, `?` for one character (default none). */
  readonly freeze?: readonly string[] | undefined;
  /** Whole number that fixes all random choices (default: drawn, and said). */
  readonly seed?: number | undefined;
}

/** What the training of a generator is asked for. */
export interface GeneratorRequest extends TrainingRequest {
  /** Name of the generative system (default: the first of `SYSTEMS`). */
  readonly system?: string | undefined;
  /** Model folder with the tokenizer; needed for a new run. */
  readonly tokenizer?: string | undefined;
  /** A name of the system's `config.trainable`, a JSON file, or the fields themselves (default `small`). */
  readonly config?: string | object | undefined;
  /** Share of images trained without their class, for guidance (default: the system's recipe). */
  readonly labelDropout?: number | undefined;
  /** Share of elements dropped from embeddings, attention output and feed-forward output (default: the system's recipe). */
  readonly dropout?: number | undefined;
  /** Share of images of which every token is predicted from the class alone, 0 to 1 (default: the system's recipe). */
  readonly classAlone?: number | undefined;
}

/** What the training of a tokenizer is asked for. */
export interface TokenizerRequest extends TrainingRequest {
  /** Name of the kind of tokenizer (default: the first of `TOKENIZERS`). */
  readonly kind?: string | undefined;
  /** A name of the kind's `training.trainable`, a JSON file, or the fields themselves (default `small`). */
  readonly config?: string | object | undefined;
  /** Height and width in pixels that images are trained at (default: what `config` says). */
  readonly imageSize?: number | undefined;
  /** What a difference counts: its magnitude or its square (default). */
  readonly reconstruction?: 'l1' | 'l2' | undefined;
  /** Weight of the entropy term; 0 leaves it out (default 0.05 where the kind has one). */
  readonly entropy?: number | undefined;
  /** Weight of the codes' entropy: tokens that are easier to predict, with less detail (default 0). */
  readonly rate?: number | undefined;
  /** Weight of the distance of the latents' Gaussians from the standard one, where the kind has some (default 1e-6). */
  readonly divergence?: number | undefined;
  /** Which square of an image is trained on (default `center`). */
  readonly crop?: 'center' | 'random' | undefined;
  /** Weight of a patch discriminator that tells reconstructions from images; 0 trains without one (default). */
  readonly adversarial?: number | undefined;
  /** First step in which the discriminator counts (default 1000). */
  readonly adversarialStart?: number | undefined;
  /** ONNX file of a convolutional network whose feature maps should agree (default none). */
  readonly perceptual?: string | undefined;
  /** Weight of the feature maps' difference (default 1). */
  readonly perceptualWeight?: number | undefined;
  /** Steps without use after which a code is replaced by a latent of the batch; 0 keeps all (default 100). */
  readonly restartAfter?: number | undefined;
}

/** What a training has where nothing is asked for. */
export const TRAINING_DEFAULTS = {
  steps: 1000,
  batch: 32,
  learningRate: 0.001,
  warmup: 50,
  ema: 0,
  holdout: 0.02,
  checkpointEvery: 100,
  accumulate: 1,
  recompute: false,
  flip: false,
  init: '',
  freeze: [] as readonly string[],
} satisfies TrainingRequest;

export const GENERATOR_DEFAULTS = {
  system: DEFAULT_SYSTEM.name,
  config: 'small' as string | object,
} satisfies GeneratorRequest;

export const TOKENIZER_DEFAULTS = {
  kind: DEFAULT_TOKENIZER.name,
  config: 'small' as string | object,
  reconstruction: 'l2' as 'l1' | 'l2',
  entropy: 0.05,
  rate: 0,
  divergence: 1e-6,
  crop: 'center' as 'center' | 'random',
  adversarial: 0,
  adversarialStart: 1000,
  perceptual: '',
  perceptualWeight: 1,
  restartAfter: 100,
} satisfies TokenizerRequest;

/** A request with the defaults of what it leaves out. */
export function filled<Request extends object, Defaults extends object>(
  request: Request,
  defaults: Defaults,
): Omit<Request, keyof Defaults> & Defaults {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) } as Omit<Request, keyof Defaults> & Defaults;
}

/** The flag of the command line that asks for the same, for messages. */
export function flagOf(field: string): string {
  return field === 'learningRate' ? 'lr' : field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** How far a training has come. */
export interface RunProgress {
  /** Images become tokens first, where a generator is trained on them; then steps are trained. */
  readonly phase: 'tokenizing' | 'training';
  /** Images or steps; 0 when the phase begins. */
  readonly done: number;
  readonly total: number;
  /** Of the last step. */
  readonly loss?: number;
  readonly imagesPerSecond?: number;
}

/** Who asks for a training: what it runs on, and where it is heard. */
export interface TrainingHost {
  /** What runs it, or what chooses that once the request has proved sound. */
  readonly target: Target | (() => Promise<Target>);
  /**
   * Stops the training after the step at hand, with a checkpoint. Before the first progress of the training the call
   * fails with the signal's reason instead, and a new run can be resumed all the same.
   */
  readonly signal?: AbortSignal | undefined;
  /** Hears what a user may want to know, a line each. */
  readonly onNote?: ((note: string) => void) | undefined;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  /**
   * Ranks that train one run together, each called with the same request. What is written is the first one's, which alone has
   * something to say; the others take its settings. A failure of one ends all (`Peers.together`).
   */
  readonly peers?: Peers | undefined;
}

/** What a training came to. */
export interface TrainedRun {
  /** The run folder. */
  readonly run: string;
  /** Steps that the run has by now. */
  readonly step: number;
  /** Whether it was stopped before its last step. */
  readonly stopped: boolean;
  /** The model folder with the weights that are kept; undefined where the run was stopped. */
  readonly model?: string;
}
