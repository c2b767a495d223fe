/**
 * What models are written and run with: `import { input, linear, makeGraph, compileGraph, resolveTarget } from
 * 'arpg/graph'`.
 *
 * A model is a pure function that builds a graph with the operations below. The compiler turns the graph into another
 * graph, and a target runs it. Graphs print as text and draw as tables, SVG and DOT.
 * @module arpg/graph
 */

// The language: sources, scopes, symbolic dims and every operation
export * from '../dsl/index.js';

// The networks that are written in it
export * from '../../graphs/index.js';
export { SYSTEM_PRESETS } from '../systems/registry.js';
export { TOKENIZER_PRESETS } from '../tokenizers/registry.js';
export { GRAPH_NAMES, modelGraph, type NamedGraph } from '../library/graphs.js';

// Looking at graphs
export { GRAPH_FORMATS, type GraphFormat, renderGraph } from '../library/graphs.js';
export type { DimBindings } from '../graph/dimension.js';
export { graphToJson } from '../graph/serialize.js';
export { verify } from '../graph/verify.js';
export type { DrawOptions } from '../inspect/boxes.js';
export { drawDot, drawSvg, drawTable } from '../inspect/draw.js';
export { printGraph } from '../inspect/print.js';

// Watching the compiler and the targets
export { graphDump } from '../inspect/graphDump.js';
export { observe, type Observer, type PassListener, type Span } from '../inspect/observer.js';
export { TRACE_BEGINNING, TraceRecorder } from '../inspect/trace.js';
export { verifyPasses } from '../inspect/verifyPasses.js';
export { checkedTarget } from '../targets/checkedTarget.js';

// The compiler
export { compileGraph, PASS_NAMES } from '../compiler/compile.js';
export { withGradients } from '../compiler/gradient.js';

// Targets
export { inspectTargets } from '../targets/inspectTargets.js';
export { resolveTarget, TARGET_NAMES } from '../targets/resolveTarget.js';
export {
  type DeviceTensor,
  type Executable,
  floatTensor,
  type HostTensor,
  intTensor,
  type Target,
  type TargetTensor,
} from '../targets/target.js';
export { hasOnnxForm } from '../targets/onnx/lowerToOnnx.js';
export { GPU_MODES, type GpuMode } from '../targets/gpujs/gpuModes.js';
export { compileForKernels, hasGpuForm, MODE_LIMITS } from '../targets/gpujs/gpujsTarget.js';
export { lowerToKernels } from '../targets/gpujs/lowerToKernels.js';
export { printKernelPlan } from '../targets/gpujs/printKernelPlan.js';
