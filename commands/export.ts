import { join } from 'node:path';
import { Flags, type Interfaces } from '@oclif/core';
import { ownFlags, ownSettings, SCHEDULES } from '../src/cli/samplingFlags.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import { BaseCommand, modelFlag, requireSeparateOutputs } from '../src/cli/baseCommand.js';
import { checkOutput, STREAM, writeOutput } from '../src/cli/streams.js';
import { GRAPH_NAMES, modelGraph, renderGraph } from '../src/faces/graph.js';
import {
  exportGpujs,
  exportModelFolder,
  exportOnnx,
  exportOnnxFolder,
  exportPytorch,
  exportSafetensors,
  load,
  MODEL_PARTS,
  type ModelPart,
  onnxGraphsOf,
  PAGE_MODES,
  type PageMode,
  PRECISIONS,
  type Precision,
  requireForeignOutput,
  UsageError,
} from '../src/index.js';

const FORMATS = ['model', 'onnx', 'safetensors', 'pt', 'gpujs', 'json', 'dot', 'svg'] as const;
type Format = (typeof FORMATS)[number];

/** Flags that only some formats have a use for. */
const FORMATS_OF_FLAG: Readonly<Record<string, readonly Format[]>> = {
  graph: ['onnx', 'json', 'dot', 'svg'],
  part: ['safetensors', 'pt'],
  precision: ['model', 'onnx', 'safetensors', 'pt'],
  'external-data': ['onnx'],
  mode: ['gpujs'],
  steps: ['gpujs'],
  schedule: ['gpujs'],
  ...Object.fromEntries(Object.keys(ownFlags).map((name) => [name, ['gpujs'] as const])),
  depth: ['dot', 'svg'],
};

const DEFAULT_DEPTH = 3;

const exportFlags = {
  model: modelFlag('model folder; for json, dot and svg also the name of a published architecture'),
  format: Flags.string({
    helpGroup: GROUPS.output,
    description: 'what to write',
    options: [...FORMATS],
    required: true,
  }),
  graph: Flags.string({
    description: 'which graph (default: step; for onnx step, encoder and decoder)',
    options: [...GRAPH_NAMES],
  }),
  part: Flags.string({ description: 'whose weights (default: generator)', options: [...MODEL_PARTS] }),
  precision: Flags.string({
    helpGroup: GROUPS.output,
    description:
      'how weights are stored (default: as they are, but fp32 for fp16 in onnx; int8 and int4 for model and onnx)',
    options: [...PRECISIONS],
  }),
  'external-data': Flags.boolean({
    description: 'put the weights into FILE.data; from 1 GiB on they are put there in any case',
  }),
  mode: Flags.string({
    description: "gpu.js' mode that kernels are generated for (default: webgl)",
    options: [...PAGE_MODES],
  }),
  steps: Flags.integer({
    helpGroup: GROUPS.sampling,
    description:
      'steps of a picture (default: as arpg sample takes for the model); each has kernels of its own, so fewer make a smaller page',
    min: 1,
  }),
  schedule: Flags.string({
    helpGroup: GROUPS.sampling,
    description: "how the number of tokens grows from step to step (default: the system's)",
    options: SCHEDULES,
  }),
  ...ownFlags,
  depth: Flags.integer({
    description: `fold scopes from this depth on when drawing (default: ${DEFAULT_DEPTH}); 0 draws all`,
    min: 0,
  }),
  output: Flags.string({
    char: 'o',
    helpGroup: GROUPS.output,
    description: 'file or folder to write; - for stdout where the format is text',
    helpValue: 'PATH',
    required: true,
  }),
};

type ExportFlags = Interfaces.InferredFlags<typeof exportFlags>;

export default class Export extends BaseCommand {
  static override summary = 'Write a model in other formats.';
  static override description =
    `onnx: the graphs that run here, in standard operators, named as in the checkpoint: one of step, encoder and
decoder, or all three in a new folder. safetensors and pt: the generator's weights, or the tokenizer's, as PyTorch
reads them. model: a model folder in another precision. gpujs: a JavaScript module that draws in a page with nothing but
gpu.js. json, dot, svg: a graph. --precision fp16 stores weights in half the space; int8 also computes linear layers in 8
bits, int4 keeps their weights in 4.`;
  static override examples = [
    '<%= config.bin %> export --format onnx -o digits-onnx',
    '<%= config.bin %> export --format onnx --graph step --precision int8 -o step.onnx',
    '<%= config.bin %> export --format model --precision int8 -o digits-int8',
    '<%= config.bin %> export --format pt -o digits.pt',
    '<%= config.bin %> export --format safetensors --part tokenizer -o vq.safetensors',
    '<%= config.bin %> export --format gpujs --steps 8 -o digits.js',
    '<%= config.bin %> export --format svg --model ARPG-L -o arpg-l.svg',
  ];
  static override flags = exportFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(Export);
    const format = flags.format as Format;
    for (const [flag, formats] of Object.entries(FORMATS_OF_FLAG)) {
      const given = flags[flag as keyof typeof flags];
      if (given !== undefined && given !== false && !formats.includes(format))
        throw new UsageError(
          `--${flag} means nothing for --format ${format}, only for ${formats.join(', ')}`,
        );
    }
    requireSeparateOutputs(flags);
    const isText = format === 'gpujs' || format === 'json' || format === 'dot' || format === 'svg';
    if (flags.output === STREAM && !isText)
      throw new UsageError(`--format ${format} writes files: name one with -o`);
    checkOutput(flags.output);
    const own = { ...flags, model: await this.modelFolder(flags) };
    requireForeignOutput(own.model, [flags.output]);
    const { files, notes } = isText ? await writeText(own, format) : await writeModel(own, format);
    for (const note of [...files.map((file) => `wrote ${file}`), ...notes]) this.note(flags, note);
    await this.result(flags, { format, files });
  }
}

/** Files written, none for stdout, and what to know of them. */
interface Written {
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

type TextFormat = 'gpujs' | 'json' | 'dot' | 'svg';

async function writeText(flags: ExportFlags, format: TextFormat): Promise<Written> {
  await writeOutput(flags.output, format === 'gpujs' ? await pageModule(flags) : drawing(flags, format));
  return { files: flags.output === STREAM ? [] : [flags.output], notes: [] };
}

async function pageModule({ model, mode, steps, schedule, ...flags }: ExportFlags): Promise<string> {
  return exportGpujs(await load(model, { target: 'reference' }), {
    ...(mode !== undefined && { mode: mode as PageMode }),
    ...(steps !== undefined && { steps }),
    ...(schedule !== undefined && { schedule }),
    own: ownSettings(flags),
  });
}

function drawing(
  { model, graph: name, depth = DEFAULT_DEPTH }: ExportFlags,
  format: Exclude<TextFormat, 'gpujs'>,
): string {
  const { graph, sizes } = modelGraph(name ?? 'step', model);
  return renderGraph(graph, format, { depth, bindings: sizes });
}

/** Writes files of weights, with a graph around them or without. */
async function writeModel(
  { output, part = 'generator', precision, graph, ...flags }: ExportFlags,
  format: Exclude<Format, TextFormat>,
): Promise<Written> {
  // Nothing is run, only read.
  const model = await load(flags.model, { target: 'reference' });
  if (format === 'onnx') {
    const options = {
      externalData: flags['external-data'] ?? false,
      ...(precision !== undefined && { precision: precision as Precision }),
    };
    if (graph === undefined) {
      await exportOnnxFolder(model, output, options);
      return { files: onnxGraphsOf(model).map((name) => join(output, `${name}.onnx`)), notes: [] };
    }
    return { files: await exportOnnx(model, graph, output, options), notes: [] };
  }
  if (format === 'model') {
    await exportModelFolder(model, output, precision as Precision | undefined);
    return { files: [output], notes: [] };
  }
  if (precision === 'int8' || precision === 'int4')
    throw new UsageError(
      `--precision ${precision} is for --format model and onnx; ${format} holds fp32 and fp16`,
    );
  const write = format === 'pt' ? exportPytorch : exportSafetensors;
  await write(model, part as ModelPart, output, precision as 'fp32' | 'fp16' | undefined);
  const { system, config } = model.generator;
  // What the official code, which takes the weights without complaint, would get wrong.
  const caution = part === 'generator' ? system.config.caution?.(config) : undefined;
  return { files: [output], notes: caution === undefined ? [] : [caution] };
}
