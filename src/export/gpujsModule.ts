import { breathing } from '../breathe.js';
import { readFileSync } from 'node:fs';
import type { GraphRun } from '../sampling/plan.js';
import type { System } from '../systems/system.js';
import { InputError } from '../errors.js';
import { packageFile } from '../packageFiles.js';
import { blankCodes } from '../codes.js';
import { decoderInput } from '../decoderInput.js';
import { bindInputs } from '../graph/interpret.js';
import { type DimBindings, formatDim } from '../graph/dimension.js';
import { type Graph, inputNode } from '../graph/graph.js';
import type { ConstantNode } from '../graph/node.js';
import { concreteType } from '../graph/tensorType.js';
import { byteLength, storedFloats, type StoredTensor, type Weights } from '../graph/weights.js';
import { compileForKernels, MODE_LIMITS } from '../targets/gpujs/gpujsTarget.js';
import type { ValueSource } from '../targets/gpujs/kernelPlan.js';
import { lowerToKernels } from '../targets/gpujs/lowerToKernels.js';
import { scriptComment, scriptLiteral } from './scriptText.js';
import {
  type ModuleData,
  type ModuleGraph,
  type ModulePlan,
  type ModuleSource,
  type ModuleTensor,
  type PageMode,
  sizesKey,
} from './browser/moduleData.js';

/** A text of JavaScript has its limits, and pages their patience. */
const MAX_WEIGHT_BYTES = 256 * 2 ** 20;

export interface GpujsModuleOptions {
  readonly mode: PageMode;
  readonly steps: number;
  readonly schedule: string;
  readonly guided: boolean;
}

export interface ModuleModel {
  readonly name: string;
  readonly license: string | undefined;
  readonly labels: readonly string[];
  readonly system: System;
  readonly config: object;
  readonly generatorWeights: Weights;
  readonly decoderGraph: Graph;
  readonly decoderWeights: Weights;
  readonly tokenPixels: number;
  readonly sampling: ModuleData['sampling'];
}

/** Collects the kernels and tensors that the plans of a module share. */
class ModuleWriter {
  readonly kernels: string[] = [];
  readonly tensors = new Map<string, StoredTensor>();
  private readonly numbers = new Map<string, number>();
  private readonly constants = new Map<ConstantNode, string>();

  kernel(source: string): number {
    const known = this.numbers.get(source);
    if (known !== undefined) return known;
    this.numbers.set(source, this.kernels.length);
    return this.kernels.push(source) - 1;
  }

  source(source: ValueSource, weights: Weights): ModuleSource {
    switch (source.kind) {
      case 'input':
      case 'step':
        return source;
      case 'parameter':
        this.tensors.set(source.name, weights.get(source.name)!);
        return source;
      case 'constant':
        return { kind: 'parameter', name: this.constant(source.node), transposed: source.transposed };
    }
  }

  private constant(node: ConstantNode): string {
    const known = this.constants.get(node);
    if (known !== undefined) return known;
    const name = `constant ${this.constants.size}`;
    this.constants.set(node, name);
    const shape = node.outputs[0]!.shape as readonly number[];
    this.tensors.set(name, storedFloats(shape, Float32Array.from(node.data)));
    return name;
  }

  plan(graph: Graph, compiled: Graph, bindings: DimBindings, mode: PageMode, weights: Weights): ModulePlan {
    const { steps, outputs, releases } = lowerToKernels(compiled, bindings, MODE_LIMITS[mode]);
    return {
      steps: steps.map(({ source, reads, layout: { rows, columns, lanes }, covers }) => ({
        kernel: this.kernel(source),
        reads: reads.map((read) => this.source(read, weights)),
        rows,
        columns,
        lanes,
        covers,
      })),
      outputs: Object.fromEntries(
        Object.entries(outputs).map(([name, source]) => {
          const { shape } = concreteType(graph.outputs[name]!, bindings);
          return [name, { source: this.source(source, weights), shape }];
        }),
      ),
      releases,
    };
  }
}

/** The calls of graphs that draw one picture. */
function runsOf(
  { system, config, sampling: { own } }: ModuleModel,
  { steps, schedule, guided }: GpujsModuleOptions,
): readonly GraphRun[] {
  const { grid } = system.config.facts(config);
  const predicted = grid.height * grid.width;
  // A guided page may be asked for pictures without guidance, too.
  return (guided ? [true, false] : [false]).flatMap((isGuided) => {
    const rows = isGuided ? 2 : 1;
    const plan = system.plan(config, { grid, predicted, known: 0, steps, schedule, own, rows, isGuided });
    return plan.steps.flatMap(({ runs }) => runs);
  });
}

/** A graph with the kernels of each of its calls. */
async function moduleGraph(
  writer: ModuleWriter,
  graph: Graph,
  runs: readonly GraphRun[],
  mode: PageMode,
  weights: Weights,
): Promise<ModuleGraph> {
  const compiled = compileForKernels(graph, mode, weights);
  const plans: Record<string, ModulePlan> = {};
  const distinct = new Map(runs.map(({ sizes }) => [sizesKey(sizes), sizes]));
  for await (const [key, sizes] of breathing([...distinct]))
    plans[key] = writer.plan(graph, compiled, sizes, mode, weights);
  const inputs = graph.inputs.map((tensor) => ({
    name: inputNode(tensor).name,
    shape: tensor.shape.map((dim) => (typeof dim === 'number' ? dim : formatDim(dim))),
  }));
  return { inputs, plans };
}

/** All tensors one after another, in base64. */
function packTensors(tensors: ReadonlyMap<string, StoredTensor>): {
  readonly table: Readonly<Record<string, ModuleTensor>>;
  readonly base64: string;
} {
  const chunks: Uint8Array[] = [];
  const table: Record<string, ModuleTensor> = {};
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const bytes = byteLength(tensor);
    table[name] = { dtype: tensor.dtype, shape: tensor.shape, offset, bytes };
    chunks.push(tensor.read());
    offset += bytes;
  }
  return { table, base64: Buffer.concat(chunks).toString('base64') };
}

/** A file's name as a URL has it, without quotes. */
const urlName = (name: string) =>
  encodeURIComponent(name.replace(/\p{Cs}/gu, '\ufffd')).replaceAll("'", '%27');

function header(
  { name, license, system }: ModuleModel,
  { mode, steps, schedule }: GpujsModuleOptions,
): string {
  return [
    `// ${scriptComment(name)}: ${system.title} for pages, drawn in ${steps} steps${schedule === '' ? '' : ` (${schedule})`} by gpu.js in its mode ${mode}.`,
    ...(license === undefined ? [] : [`// Licence of the weights: ${scriptComment(license)}.`]),
    '//',
    '// It needs gpu.js: gpu-browser.min.js lies in node_modules/arpg/dist/vendor or, after npm install --ignore-scripts gpu.js,',
    '// in node_modules/gpu.js/dist. In a page that has loaded it as a script, in another one of type "module":',
    '//',
    `//   import { load } from './${urlName(name)}.js';`,
    '//   const { width, height, data } = await load(GPU).sample({ class: 0, seed: 1 });',
    "//   document.querySelector('canvas').getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);",
  ].join('\n');
}

/**
 * A stand-alone JavaScript module that draws pictures in a page with nothing but gpu.js: the kernels generated for each
 * step of the sampling loop, the weights, and the loop.
 * @throws InputError for models too large for a text of JavaScript.
 */
export async function gpujsModule(model: ModuleModel, options: GpujsModuleOptions): Promise<string> {
  const { system, config, labels, tokenPixels, generatorWeights, decoderGraph, decoderWeights } = model;
  const total = [...generatorWeights.values(), ...decoderWeights.values()].reduce(
    (sum, tensor) => sum + byteLength(tensor),
    0,
  );
  if (total > MAX_WEIGHT_BYTES)
    throw new InputError(
      `${model.name}: ${Math.round(total / 2 ** 20)} MiB of weights are too much for a JavaScript module (${MAX_WEIGHT_BYTES / 2 ** 20}); export it as ONNX`,
    );
  const writer = new ModuleWriter();
  const { mode, steps, schedule, guided } = options;
  const { grid, classes, codes: usual } = system.config.facts(config);
  const codes = system.drawnCodes?.(config, model.sampling.own) ?? usual;
  const runs = runsOf(model, options);
  const made = system.graphs(config);
  const graphs: Record<string, ModuleGraph> = {};
  for (const name of new Set(runs.map(({ graph }) => graph))) {
    const own = runs.filter(({ graph }) => graph === name);
    graphs[name] = await moduleGraph(writer, made[name]!(), own, mode, generatorWeights);
  }
  const decoderPlan = writer.plan(
    decoderGraph,
    compileForKernels(decoderGraph, mode, decoderWeights),
    bindInputs(decoderGraph, decoderInput(blankCodes(codes, grid))),
    mode,
    decoderWeights,
  );
  const { table, base64 } = packTensors(writer.tensors);
  const data: ModuleData = {
    mode,
    config,
    grid,
    classes,
    tokenPixels,
    codes,
    labels,
    steps,
    schedule,
    sampling: model.sampling,
    guided,
    graphs,
    decoderPlan,
    tensors: table,
  };
  return [
    header(model, options),
    `const kernels = [\n${writer.kernels.join(',\n')},\n];`,
    `const data = ${scriptLiteral(data)};`,
    `const weights = ${scriptLiteral(base64)};`,
    readFileSync(packageFile(`dist/src/export/browser/${system.name}.bundle.js`), 'utf8').trim(),
    `export const labels = data.labels;`,
    `export const load = (GPU) => runtime.createPageModel(GPU, data, kernels, weights);`,
    '',
  ].join('\n\n');
}
