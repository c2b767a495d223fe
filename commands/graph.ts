import { Args, Flags } from '@oclif/core';
import {
  compileForKernels,
  compileGraph,
  type DimBindings,
  type Graph,
  GPU_MODES,
  type GpuMode,
  GRAPH_FORMATS,
  GRAPH_NAMES,
  type GraphFormat,
  hasGpuForm,
  hasOnnxForm,
  lowerToKernels,
  MODE_LIMITS,
  modelGraph,
  PASS_NAMES,
  printKernelPlan,
  renderGraph,
  SYSTEM_PRESETS,
  TOKENIZER_PRESETS,
} from '../src/faces/graph.js';
import { requireForeignOutput, UsageError, type Weights } from '../src/index.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { BaseCommand, modelFlag, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { checkOutput, writeOutput } from '../src/cli/streams.js';

export default class GraphCommand extends BaseCommand {
  static override summary = "Print or draw a model's graph.";
  static override description =
    `step is one sampling step, train the teacher-forced forward pass, encoder and decoder the tokenizer.
Drawings and the table say what each part takes: parameters, FLOPs, bytes read and written. --after shows the graph as the compiler leaves it after that pass (the last run of it); with a model folder the
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
      options: [...GRAPH_NAMES],
      default: 'step',
    }),
  };
  static override flags = {
    model: modelFlag(
      `model folder, or ${[...SYSTEM_PRESETS.keys(), ...TOKENIZER_PRESETS.keys()].join(', ')}`,
    ),
    kernels: Flags.boolean({ description: "print each kernel's source and the operations it covers" }),
    target: Flags.string({
      char: 't',
      helpGroup: GROUPS.machine,
      description: 'target whose graph or kernels are shown',
      options: ['onnx', ...GPU_MODES.map((mode) => `gpujs:${mode}`), 'gpujs'],
      default: 'onnx',
    }),
    sizes: Flags.string({
      description:
        'values of the symbolic dims that kernels are written and costs counted for (default: the middle of sampling one guided picture)',
      helpValue: 'NAME=N,…',
    }),
    after: Flags.string({ description: 'compiler pass', options: [...PASS_NAMES], default: 'build' }),
    format: Flags.string({
      helpGroup: GROUPS.output,
      description: 'how to show it',
      options: [...GRAPH_FORMATS],
      default: 'text',
    }),
    depth: Flags.integer({
      description: 'fold scopes from this depth on when drawing; 0 draws all',
      default: 3,
      min: 0,
    }),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'file to write, or - for stdout',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(GraphCommand);
    requireSeparateOutputs(flags);
    checkOutput(flags.output);
    const folder = await this.modelFolder(flags);
    if (flags.output !== undefined) requireForeignOutput(folder, [flags.output]);
    const { graph, weights, sizes } = modelGraph(args.graph, folder);
    const bindings = { ...sizes, ...parseSizes(flags.sizes ?? '') };
    if (flags.kernels) {
      const [base, mode = 'webgpu'] = flags.target.split(':');
      if (base !== 'gpujs') throw new UsageError('--kernels shows generated kernels: add --target gpujs');
      await writeOutput(flags.output, printKernels(graph, mode as GpuMode, bindings, weights));
      this.noteOutput(flags);
      return;
    }
    const shown = graphAfter(graph, flags.after, flags.target, weights);
    const options = { depth: flags.depth, bindings };
    await writeOutput(flags.output, renderGraph(shown, flags.format as GraphFormat, options));
    this.noteOutput(flags);
    await this.result(flags, { graph: shown.name, output: flags.output });
  }
}

function parseSizes(text: string): DimBindings {
  if (text === '') return {};
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
