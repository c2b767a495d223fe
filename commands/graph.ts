import { existsSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { arpgStep, arpgTeacherForced } from '../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../graphs/vqTokenizer.js';
import { ARPG_PRESETS, arpgConfig } from '../src/arpg/config.js';
import { openGenerator, openTokenizer } from '../src/checkpoints/modelFolder.js';
import { BaseCommand, modelFlag, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { checkOutput, writeOutput } from '../src/cli/streams.js';
import { compileGraph, PASS_NAMES } from '../src/compiler/compile.js';
import { UsageError } from '../src/errors.js';
import { drawDot, drawSvg } from '../src/graph/draw.js';
import type { DimBindings } from '../src/graph/dimension.js';
import type { Graph } from '../src/graph/graph.js';
import { printGraph } from '../src/graph/print.js';
import { graphToJson } from '../src/graph/serialize.js';
import type { Weights } from '../src/graph/weights.js';
import { GPU_MODES, type GpuMode } from '../src/targets/gpujs/gpuModes.js';
import { compileForKernels, hasGpuForm, MODE_LIMITS } from '../src/targets/gpujs/gpujsTarget.js';
import { lowerToKernels } from '../src/targets/gpujs/lowerToKernels.js';
import { printKernelPlan } from '../src/targets/gpujs/printKernelPlan.js';
import { hasOnnxForm } from '../src/targets/onnx/onnxTarget.js';
import { VQ_PRESETS, vqConfig } from '../src/tokenizer/config.js';

const GRAPHS = ['step', 'train', 'encoder', 'decoder'] as const;
type GraphName = (typeof GRAPHS)[number];

const FORMATS = ['text', 'json', 'dot', 'svg'] as const;
type Format = (typeof FORMATS)[number];

export default class GraphCommand extends BaseCommand {
  static override summary = "Print or draw a model's graph.";
  static override description =
    `step is one sampling step, train the teacher-forced forward pass, encoder and decoder the tokenizer.
--after shows the graph as the compiler leaves it after that pass (the last run of it); with a model folder the
weights are known and what depends on them alone is folded.`;
  static override examples = [
    '<%= config.bin %> graph step',
    '<%= config.bin %> graph step --model ARPG-L --format svg --depth 2 -o arpg-l.svg',
    '<%= config.bin %> graph decoder --after constant-fold',
    '<%= config.bin %> graph step --kernels --target gpujs --sizes batch=2,content=4,queries=5,past=9',
  ];
  static override args = {
    graph: Args.string({
      ignoreStdin: true,
      description: 'which graph',
      options: [...GRAPHS],
      default: 'step',
    }),
  };
  static override flags = {
    model: modelFlag(
      `model folder, or ${[...Object.keys(ARPG_PRESETS), ...Object.keys(VQ_PRESETS)].join(', ')}`,
    ),
    kernels: Flags.boolean({ description: "print each kernel's source and the operations it covers" }),
    target: Flags.string({
      description: 'target whose graph or kernels are shown',
      options: ['onnx', ...GPU_MODES.map((mode) => `gpujs:${mode}`), 'gpujs'],
      default: 'onnx',
    }),
    sizes: Flags.string({
      description: 'values of the symbolic dims that kernels are written for',
      helpValue: 'NAME=N,…',
      default: 'batch=2,content=1,queries=1,past=0,height=8,width=8',
    }),
    after: Flags.string({ description: 'compiler pass', options: [...PASS_NAMES], default: 'build' }),
    format: Flags.string({ description: 'how to show it', options: [...FORMATS], default: 'text' }),
    depth: Flags.integer({
      description: 'fold scopes from this depth on when drawing; 0 draws all',
      default: 3,
      min: 0,
    }),
    output: Flags.string({ char: 'o', description: 'file to write, or - for stdout', helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(GraphCommand);
    requireSeparateOutputs(flags);
    checkOutput(flags.output);
    const { graph, weights } = buildGraph(args.graph as GraphName, flags.model);
    if (flags.kernels) {
      const [base, mode = 'webgpu'] = flags.target.split(':');
      if (base !== 'gpujs') throw new UsageError('--kernels shows generated kernels: add --target gpujs');
      writeOutput(flags.output, printKernels(graph, mode as GpuMode, parseSizes(flags.sizes), weights));
      return;
    }
    const shown = graphAfter(graph, flags.after, flags.target, weights);
    writeOutput(flags.output, render(shown, flags.format as Format, flags.depth));
    this.result(flags, { graph: shown.name, output: flags.output });
  }
}

function buildGraph(name: GraphName, model: string): { readonly graph: Graph; readonly weights?: Weights } {
  const isGenerator = name === 'step' || name === 'train';
  const preset = existsSync(model) ? undefined : (isGenerator ? ARPG_PRESETS : VQ_PRESETS)[model];
  if (isGenerator) {
    const opened = preset ? undefined : openGenerator(model);
    const config = arpgConfig(opened?.config ?? ARPG_PRESETS[model]!);
    const graph = name === 'step' ? arpgStep(config) : arpgTeacherForced(config);
    return { graph, ...(opened && { weights: opened.weights }) };
  }
  const opened = preset ? undefined : openTokenizer(model);
  const config = vqConfig(opened?.config ?? VQ_PRESETS[model]!);
  return {
    graph: name === 'encoder' ? vqEncoder(config) : vqDecoder(config),
    ...(opened && { weights: opened.weights }),
  };
}

function parseSizes(text: string): DimBindings {
  const pairs = text.split(',').map((pair) => /^(\w+)=(\d+)$/.exec(pair.trim()));
  if (pairs.some((pair) => pair === null))
    throw new UsageError(`--sizes ${text} is not a list like batch=2,queries=4`);
  return Object.fromEntries(pairs.map((pair) => [pair![1]!, Number(pair![2])]));
}

function printKernels(graph: Graph, mode: GpuMode, sizes: DimBindings, weights: Weights | undefined): string {
  const compiled = compileForKernels(graph, mode, weights);
  return printKernelPlan(lowerToKernels(compiled, sizes, MODE_LIMITS[mode]));
}

function graphAfter(graph: Graph, pass: string, target: string, weights: Weights | undefined): Graph {
  const states = new Map<string, Graph>();
  const onPass = (name: string, state: Graph) => void states.set(name, state);
  const supports = target.startsWith('gpujs') ? hasGpuForm : hasOnnxForm;
  compileGraph(graph, { supports, onPass, ...(weights && { weights }) });
  const state = states.get(pass);
  if (!state) throw new UsageError(`there is no compiler pass '${pass}'`);
  return state;
}

function render(graph: Graph, format: Format, depth: number): string {
  switch (format) {
    case 'text':
      return printGraph(graph);
    case 'json':
      return `${JSON.stringify(graphToJson(graph))}\n`;
    case 'dot':
      return drawDot(graph, { depth });
    case 'svg':
      return drawSvg(graph, { depth });
  }
}
