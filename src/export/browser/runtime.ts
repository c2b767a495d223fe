/**
 * What runs inside a stand-alone module: the sampling loop over kernels that were generated before. It is bundled into
 * each module, so it imports nothing of Node.js.
 */
import { codesOf, type Tokens } from '../../codes.js';
import { decoderInput } from '../../decoderInput.js';
import { chooseClasses, groupsOf, pickClass } from '../../conditions/classGroups.js';
import { classCondition } from '../../conditions/condition.js';
import { type Dim, type DimBindings, bindShape, parseDim } from '../../graph/dimension.js';
import { cachesAmong, type GraphRunner } from '../../sampling/runner.js';
import { orderOf } from '../../systems/orders.js';
import type { SettingValues } from '../../sampling/request.js';
import { sampleBatch } from '../../systems/sampleBatch.js';
import { faultOfSettings } from '../../systems/settings.js';
import type { SystemDrawing } from '../../systems/system.js';
import { faultOfNumber, faultOfSeed } from '../../sampling/settingFaults.js';
import type { Weights } from '../../graph/weights.js';
import { GpuTensor, uploadInputs } from '../../targets/gpujs/gpuTensor.js';
import type { KernelCall, KernelPlan } from '../../targets/gpujs/kernelPlan.js';
import { createKernelRunner, type KernelRunner } from '../../targets/gpujs/kernelRunner.js';
import type { GpuJs } from '../../targets/gpujs/gpuLibrary.js';
import { requireFinite } from '../../targets/finite.js';
import type { DeviceTensor, TargetTensor } from '../../targets/target.js';
import { type ModuleData, type ModuleGraph, type ModulePlan, sizesKey } from './moduleData.js';

/** gpu.js as a page has it: the global `GPU`, which carries `input`. */
type PageGpu = GpuJs['GPU'] & { readonly GPU?: PageGpu; readonly input: GpuJs['input'] };

/** How many groups or classes an error lists. */
const CLASSES_NAMED = 12;

export interface PictureOptions {
  /**
   * A number is an index. A text is a name, of which `model.labels` has all, or else an index: '5' is the class named
   * 5 where there is one. A part between slashes stands for all that have it, such as `food` for `food/fruit`, and one is drawn.
   */
  readonly class: number | string;
  /** Fixes all random choices (default: drawn). */
  readonly seed?: number;
  /** Classifier-free guidance scale (default: the model's); none where the module was exported without guidance. */
  readonly guidance?: number;
  readonly temperature?: number;
  /** Settings of the model's system, by their names in camel case (default: those of the export). */
  readonly own?: SettingValues;
  /** Hears how many steps are done. */
  readonly onStep?: (done: number, steps: number) => void;
}

/** An 8-bit picture, RGBA row by row, as `new ImageData(data, width, height)` takes it. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
  /** As `Codes` has them. */
  readonly tokens: Tokens;
  readonly seed: number;
}

export interface PageModel {
  readonly labels: readonly string[];
  /**
   * Draws a picture, the one of `arpg sample` for the same class, seed and settings.
   * @throws RangeError naming the class that is unknown, or the setting that is out of range.
   */
  sample(options: PictureOptions): Promise<Picture>;
  dispose(): Promise<void>;
}

/** gpu.js' names of the modes in a page, and what their kernels report. */
const PAGE_BACKENDS = {
  webgpu: { backend: 'webgpu' },
  webgl: { backend: 'webgl2', reportedAs: 'gpu' },
  cpu: { backend: 'cpu' },
} as const;

function weightsOf({ tensors }: ModuleData, base64: string): Weights {
  const text = atob(base64);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return new Map(
    Object.entries(tensors).map(([name, { dtype, shape, offset, bytes: length }]) => [
      name,
      { dtype, shape, read: () => bytes.slice(offset, offset + length) },
    ]),
  );
}

/** A plan whose kernels are at hand. */
interface LoadedPlan {
  readonly plan: KernelPlan<KernelCall>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

function loadPlan({ steps, outputs, releases }: ModulePlan, sources: readonly string[]): LoadedPlan {
  const calls = steps.map(({ kernel, reads, covers, ...layout }) => ({
    source: sources[kernel]!,
    reads,
    layout,
    covers,
  }));
  const entries = Object.entries(outputs);
  return {
    plan: {
      steps: calls,
      releases,
      outputs: Object.fromEntries(entries.map(([name, { source }]) => [name, source])),
    },
    shapes: Object.fromEntries(entries.map(([name, { shape }]) => [name, shape])),
  };
}

async function runPlan(
  runner: KernelRunner,
  { plan, shapes }: LoadedPlan,
  inputs: Readonly<Record<string, TargetTensor>>,
): Promise<Readonly<Record<string, DeviceTensor>>> {
  const { values, release } = await uploadInputs(inputs, runner, runner);
  const results = await runner.run(plan, values);
  const kept = new Set(results.values());
  for (const value of release) if (!kept.has(value)) value.release();
  return Object.fromEntries(
    Object.entries(plan.outputs).map(([name, source]) => [
      name,
      new GpuTensor('f32', shapes[name]!, results.get(source)!, runner),
    ]),
  );
}

function classOf(wanted: number | string, { labels, classes }: ModuleData, seed: number): number {
  const { indices } = chooseClasses(wanted, classes, labels);
  if (indices.length === 0) {
    const known = [...new Set(labels.map((label) => groupsOf(label)[0] ?? label))].slice(0, CLASSES_NAMED);
    throw new RangeError(
      `class ${wanted} is unknown; there are ${classes}${known.length > 0 ? `: ${known.join(', ')}, …` : ''}`,
    );
  }
  return pickClass(indices, seed, 0);
}

/** @throws RangeError with the first of what is wrong. */
function requireNone(faults: readonly (string | undefined)[]): void {
  const fault = faults.find((found) => found !== undefined);
  if (fault !== undefined) throw new RangeError(fault);
}

/** `[3, height, width]` in [−1, 1] → RGBA, as the tokenizer's own decoding rounds it. */
function toRgba(signal: Float32Array, pixels: number): Uint8ClampedArray {
  const data = new Uint8ClampedArray(4 * pixels).fill(255);
  for (let pixel = 0; pixel < pixels; pixel++)
    for (let channel = 0; channel < 3; channel++)
      data[pixel * 4 + channel] = Math.floor(127.5 * signal[channel * pixels + pixel]! + 128);
  return data;
}

/** A graph whose calls are at hand. */
interface LoadedGraph {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly Dim[] }[];
  readonly plans: ReadonlyMap<string, LoadedPlan>;
}

function loadGraph({ inputs, plans }: ModuleGraph, sources: readonly string[]): LoadedGraph {
  return {
    inputs: inputs.map(({ name, shape }) => ({
      name,
      shape: shape.map((size) => (typeof size === 'number' ? size : parseDim(size))),
    })),
    plans: new Map(Object.entries(plans).map(([sizes, plan]) => [sizes, loadPlan(plan, sources)])),
  };
}

/** Runs the graphs of a module. */
function moduleRunner(runner: KernelRunner, graphs: ReadonlyMap<string, LoadedGraph>): GraphRunner {
  const graphOf = (name: string): LoadedGraph => {
    const graph = graphs.get(name);
    if (!graph) throw new RangeError(`the module was exported with other settings: it has no graph ${name}`);
    return graph;
  };
  return {
    caches: (name) => cachesAmong(graphOf(name).inputs),
    run(name, inputs) {
      const { inputs: declared, plans } = graphOf(name);
      const sizes = declared.reduce<DimBindings>(
        (known, input) => bindShape(input.shape, inputs[input.name]!.shape, known),
        {},
      );
      const plan = plans.get(sizesKey(sizes));
      if (!plan) throw new RangeError(`no kernels of ${name} for ${sizesKey(sizes)}`);
      return runPlan(runner, plan, inputs);
    },
  };
}

/**
 * A model ready to draw in a page.
 * @param drawing how its system samples
 * @param page gpu.js' global `GPU`
 * @param kernels the generated functions, in the order that the plans number them
 */
export function createPageModel(
  drawing: SystemDrawing<object>,
  page: PageGpu,
  data: ModuleData,
  kernels: readonly ((...args: never[]) => unknown)[],
  weights: string,
): PageModel {
  const GPU = page.GPU ?? page;
  const runner = createKernelRunner({
    library: { GPU, input: page.input },
    mode: data.mode,
    ...PAGE_BACKENDS[data.mode],
    weights: weightsOf(data, weights),
    allowFallback: false,
    resident: true,
  });
  const sources = kernels.map(String);
  const decoder = loadPlan(data.decoderPlan, sources);
  const run = moduleRunner(
    runner,
    new Map(Object.entries(data.graphs).map(([name, graph]) => [name, loadGraph(graph, sources)])),
  );
  const { config, grid, tokenPixels, steps, schedule } = data;
  return {
    labels: data.labels,
    async sample({ class: wanted, seed = Math.floor(Math.random() * 2 ** 32), ...options }) {
      const guidance = options.guidance ?? data.sampling.guidance;
      const temperature = options.temperature ?? data.sampling.temperature;
      const own = { ...data.sampling.own, ...options.own };
      requireNone([
        faultOfSettings(drawing.settings, own) ??
          drawing.choiceFault?.(config, grid, { steps, schedule, own, order: undefined }),
        faultOfSeed(seed),
        faultOfNumber(guidance, 'guidance', 0),
        faultOfNumber(temperature, 'temperature', 0),
      ]);
      const classId = classOf(wanted, data, seed);
      const order = orderOf(drawing, config, grid, { own }, { seed, index: 0 });
      const [tokens] = await sampleBatch(
        run,
        { drawing, config, grid },
        [{ condition: classCondition(classId), index: 0, order }],
        {
          seed,
          steps,
          schedule,
          guidance: data.guided ? guidance : drawing.noGuidance,
          guidanceSchedule: data.sampling.guidanceSchedule,
          temperature,
          own,
          topK: 0,
          topP: data.sampling.topP,
        },
        ({ step }) => options.onStep?.(step + 1, steps),
      );
      const { image } = await runPlan(runner, decoder, decoderInput(codesOf(data.codes, grid, tokens!)));
      const { data: signal } = await image!.read();
      requireFinite(signal, "the picture's values");
      const [width, height] = [grid.width * tokenPixels, grid.height * tokenPixels];
      const pixels = toRgba(signal as Float32Array, width * height);
      return { width, height, data: pixels, tokens: tokens!, seed };
    },
    dispose: () => runner.dispose(),
  };
}
