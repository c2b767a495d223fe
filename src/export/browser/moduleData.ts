import type { StoredDType } from '../../graph/weights.js';
import type { ArpgConfig } from '../../../graphs/arpg.js';
import type { Schedule } from '../../sampling/schedule.js';

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
  readonly config: ArpgConfig;
  /** Pixels of one token along each axis. */
  readonly tokenPixels: number;
  readonly labels: readonly string[];
  readonly steps: number;
  readonly schedule: Schedule;
  /** How tokens are drawn unless the page says otherwise. */
  readonly sampling: { readonly guidance: number; readonly temperature: number; readonly topP: number };
  /** Whether each picture has a second row for guidance. */
  readonly guided: boolean;
  /** The sampling step by `content,queries,past`, and the tokenizer's decoder. */
  readonly stepPlans: Readonly<Record<string, ModulePlan>>;
  readonly decoderPlan: ModulePlan;
  readonly tensors: Readonly<Record<string, ModuleTensor>>;
}
