import { compileGraph } from '../compiler/compile.js';
import { countElements, type DimBindings } from '../graph/dimension.js';
import { type Graph, nodesOf, parametersOf } from '../graph/graph.js';
import type { StoredTensor, Weights } from '../graph/weights.js';
import { addCosts, NO_COST, operationCosts } from '../inspect/cost.js';
import { type CallMemory, memoryPlan } from '../inspect/memory.js';
import type { GeneratorModel } from '../models/modelFolder.js';
import type { Grid } from '../../graphs/rotary.js';
import { isGuided } from '../sampling/request.js';
import type { FullSettings } from '../library/settings.js';
import { hasOnnxForm } from '../targets/onnx/lowerToOnnx.js';

/** What drawing a batch takes, known before it is drawn. */
export interface PlannedWork {
  /** Evaluations of the network; what is next to no work beside them is not counted. */
  readonly passes: number;
  /** Tokens of a picture that a pass predicts, on average. */
  readonly tokensPerPass: number;
  /** Floating-point operations of a picture. */
  readonly flops: number;
  readonly weightBytes: number;
  /** Of the call that takes most beside the weights. */
  readonly cacheBytes: number;
  readonly activationBytes: number;
}

/** Bytes that a parameter takes while a network runs: whole numbers with their scales, or single precision. */
function heldBytes({ shape, quantized }: StoredTensor): number {
  const count = countElements(shape);
  return quantized ? (count * quantized.bits) / 8 + (count / quantized.block) * 4 : count * 4;
}

interface CompiledGraph {
  readonly hasParameters: boolean;
  readonly work: (sizes: DimBindings) => { readonly flops: number; readonly memory: CallMemory };
}

/** What calls of a graph take, by their sizes; the same sizes are looked at once. */
function compiled(graph: Graph): CompiledGraph {
  const ready = compileGraph(graph, { supports: hasOnnxForm });
  const nodes = nodesOf(ready);
  const memoryOf = memoryPlan(ready);
  const known = new Map<string, ReturnType<CompiledGraph['work']>>();
  return {
    hasParameters: parametersOf(graph).length > 0,
    work: (sizes) => {
      const key = JSON.stringify(sizes);
      const before = known.get(key);
      if (before) return before;
      const { flops } = [...operationCosts(nodes, sizes).values()].reduce(addCosts, NO_COST);
      const work = { flops, memory: memoryOf(sizes) };
      known.set(key, work);
      return work;
    },
  };
}

/** What a generator's passes take; its graphs are compiled once, whatever the batch and the steps. */
export function workPlanner({ system, config }: Pick<GeneratorModel, 'system' | 'config'>) {
  const graphs = system.graphs(config);
  const ready = new Map<string, CompiledGraph>();
  const graphOf = (name: string): CompiledGraph => {
    const own = ready.get(name) ?? compiled(graphs[name]!());
    ready.set(name, own);
    return own;
  };
  /**
   * @param weights as they are run, in fewer bits or not
   * @throws RangeError for steps that cannot be.
   */
  return (grid: Grid, settings: FullSettings, batch: number, weights: Weights): PlannedWork => {
    const guided = isGuided({ ...settings, noGuidance: system.noGuidance });
    const { steps } = system.plan(config, {
      grid,
      predicted: grid.height * grid.width,
      known: 0,
      steps: settings.steps,
      schedule: settings.schedule,
      own: settings.own,
      rows: batch * (guided ? 2 : 1),
      isGuided: guided,
    });
    const runs = steps.flatMap((step) => step.runs).map((run) => ({ ...run, ...graphOf(run.graph) }));
    const passes = runs.filter(({ isLight = false, hasParameters }) => !isLight && hasParameters).length;
    const predicted = steps.reduce((sum, { predicts }) => sum + predicts, 0);
    const works = runs.map(({ work, sizes }) => work(sizes));
    const total = ({ cache, activations }: CallMemory) => cache + activations;
    const { memory } = works.reduce((most, own) => (total(own.memory) > total(most.memory) ? own : most));
    return {
      passes,
      tokensPerPass: predicted / passes,
      flops: works.reduce((sum, { flops }) => sum + flops, 0) / batch,
      weightBytes: [...weights.values()].reduce((sum, tensor) => sum + heldBytes(tensor), 0),
      cacheBytes: memory.cache,
      activationBytes: memory.activations,
    };
  };
}
