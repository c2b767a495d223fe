import type { CodesShape } from '../../codes.js';
import type { StoredDType } from '../../graph/weights.js';
import type { Grid } from '../../../graphs/rotary.js';
import type { GuidanceSchedule } from '../../sampling/guidance.js';
import type { SettingValues } from '../../sampling/request.js';

/**
 * gpu.js' modes that pages can be given. WebAssembly is none of them: gpu.js keeps a memory for every kernel there, and
 * browsers refuse so many.
 */
export const PAGE_MODES = ['webgl', 'webgpu', 'cpu'] as const;
export type PageMode = (typeof PAGE_MODES)[number];

/** A kernel call: the number of its function, what it reads, and the launch. */
export interface ModuleStep {
  readonly kernel: number;
  readonly reads: readonly ModuleSource[];
  readonly rows: number;
  readonly columns: number;
  readonly lanes: number;
  readonly covers: readonly string[];
}

/** Where a kernel reads from; constants lie among the parameters. */
export type ModuleSource =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'parameter'; readonly name: string; readonly transposed: boolean }
  | { readonly kind: 'step'; readonly step: number };

/** A graph for given sizes. */
export interface ModulePlan {
  readonly steps: readonly ModuleStep[];
  readonly outputs: Readonly<
    Record<string, { readonly source: ModuleSource; readonly shape: readonly number[] }>
  >;
  readonly releases: readonly (readonly number[])[];
}

/** An input of a graph; a text in its shape is a size that differs from call to call, as `formatDim` writes it. */
export interface ModuleInput {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** A graph that sampling runs, for the sizes of each call: by `sizesKey`. */
export interface ModuleGraph {
  readonly inputs: readonly ModuleInput[];
  readonly plans: Readonly<Record<string, ModulePlan>>;
}

/** What tells the sizes of a call from others. */
export function sizesKey(sizes: Readonly<Record<string, number>>): string {
  return Object.keys(sizes)
    .sort()
    .map((symbol) => `${symbol}=${sizes[symbol]}`)
    .join();
}

/** One tensor in the module's weights. */
export interface ModuleTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/** All that a stand-alone module says about its model. */
export interface ModuleData {
  readonly mode: PageMode;
  /** The generator's configuration, in the official field names. */
  readonly config: object;
  readonly grid: Grid;
  readonly classes: number;
  /** Pixels of one token along each axis. */
  readonly tokenPixels: number;
  readonly codes: CodesShape;
  readonly labels: readonly string[];
  readonly steps: number;
  readonly schedule: string;
  /** How tokens are drawn unless the page says otherwise. */
  readonly sampling: {
    readonly guidance: number;
    readonly guidanceSchedule: GuidanceSchedule;
    readonly temperature: number;
    readonly topP: number;
    readonly own: SettingValues;
  };
  /** Whether each picture has a second row for guidance. */
  readonly guided: boolean;
  /** The graphs that sampling runs, and the tokenizer's decoder. */
  readonly graphs: Readonly<Record<string, ModuleGraph>>;
  readonly decoderPlan: ModulePlan;
  readonly tensors: Readonly<Record<string, ModuleTensor>>;
}
