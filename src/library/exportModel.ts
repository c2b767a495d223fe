import { breathing } from '../breathe.js';
import { basename, join } from 'node:path';
import { writeFolderAtomically, writeOutputFile } from '../atomicFile.js';
import { exportMetadata } from '../models/exportMetadata.js';
import { requireFinite } from '../models/finiteWeights.js';
import { type GeneratorModel, type TokenizerModel, writeModelFolder } from '../models/modelFolder.js';
import { ownWeights } from '../models/tokenizerParameters.js';
import { inRunPrecision, isQuantizedPrecision, withoutWholeNumbers } from '../models/precision.js';
import { serializeSafetensors } from '../checkpoints/safetensors.js';
import { serializePytorch } from '../checkpoints/writePytorch.js';
import { UsageError } from '../errors.js';
import type { PageMode } from '../export/browser/moduleData.js';
import { gpujsModule } from '../export/gpujsModule.js';
import { onnxModelOf, type Precision, writeOnnxModel } from '../export/exportOnnx.js';
import type { SettingValues } from '../sampling/request.js';
import { toHalfPrecision, toSinglePrecision, type Weights } from '../graph/weights.js';
import type { Graph } from '../graph/graph.js';
import { drawingGraphs } from './graphs.js';
import { type Model, requireMatchingParts } from './model.js';
import { requireForeignOutput } from './ownFiles.js';
import { resolveSettings } from './settings.js';

/** Which half of a model. */
export const MODEL_PARTS = ['generator', 'tokenizer'] as const;
export type ModelPart = (typeof MODEL_PARTS)[number];

/** The graphs that an ONNX export writes: all that sampling runs, and the tokenizer's. */
export function onnxGraphsOf(model: Model): readonly string[] {
  const { generator, tokenizer } = drawingGraphs(model);
  return [...Object.keys(generator), ...Object.keys(tokenizer())];
}

export interface OnnxExport {
  /**
   * How weights are stored; `int8` also computes linear layers in 8 bits (default: `fp32`, but what is in fewer bits
   * already stays so).
   */
  readonly precision?: Precision;
  /** Whether weights get a file of their own, `FILE.data`; they do in any case from 1 GiB on. */
  readonly externalData?: boolean;
}

function partOf(model: Model, part: ModelPart): GeneratorModel | TokenizerModel {
  return part === 'generator' ? model.generator : model.tokenizerModel;
}

/** @throws UsageError listing the graphs when there is none of that name. */
function graphOf(model: Model, name: string): { readonly graph: Graph; readonly part: ModelPart } {
  const { generator, tokenizer } = drawingGraphs(model);
  if (generator[name]) return { graph: generator[name](), part: 'generator' };
  const make = tokenizer()[name];
  if (make) return { graph: make(), part: 'tokenizer' };
  throw new UsageError(
    `--graph ${name} is not exported as ONNX; there are ${onnxGraphsOf(model).join(', ')}`,
  );
}

/** A part whose weights are floats, or whole numbers of as many bits as asked for; as it is stored where nothing is. */
function inExportPrecision(
  model: Model,
  part: ModelPart,
  precision: Precision | undefined,
): GeneratorModel | TokenizerModel {
  if (part === 'tokenizer') return model.tokenizerModel;
  return inRunPrecision(model.generator, precision === 'fp16' ? 'fp32' : precision, model.folder);
}

/**
 * Writes one graph as an ONNX file of standard operators, with the names of the checkpoint and the model's configuration,
 * labels and licence as metadata.
 * @returns the files written
 * @throws UsageError for a file of the model itself and for 8 or 4 bits of what is stored in fewer, OutputError when it
 *   cannot be written.
 */
export async function exportOnnx(
  model: Model,
  name: string,
  path: string,
  { precision, externalData = false }: OnnxExport = {},
): Promise<readonly string[]> {
  requireForeignOutput(model.folder, [path, `${path}.data`]);
  const { graph, part } = graphOf(model, name);
  const opened = inExportPrecision(model, part, precision);
  const options = { precision: precision ?? 'fp32', metadata: exportMetadata(opened) };
  if (options.precision !== 'fp32') halved(model, opened.weights);
  return writeOnnxModel(path, onnxModelOf(graph, opened.weights, options), externalData);
}

/**
 * Writes all graphs that sampling runs, such as `step.onnx` and `decoder.onnx`, into a new folder, which appears complete or not at all.
 * @throws OutputError when it exists already or cannot be written.
 */
export async function exportOnnxFolder(
  model: Model,
  folder: string,
  options: OnnxExport = {},
): Promise<void> {
  await writeFolderAtomically(folder, async (partial) => {
    for (const name of onnxGraphsOf(model))
      await exportOnnx(model, name, join(partial, `${name}.onnx`), options);
  });
}

/** @throws InputError when half precision does not reach some of the weights. */
function halved(model: Model, weights: Weights): Weights {
  const stored = toHalfPrecision(weights);
  requireFinite(stored, `${model.folder} in half precision`, 'use --precision fp32');
  return stored;
}

/**
 * Weights in the precision asked for; as they are stored when none is.
 * @throws InputError when half precision does not reach some of them.
 */
function inPrecision(model: Model, weights: Weights, precision: 'fp32' | 'fp16' | undefined): Weights {
  if (precision === undefined) return weights;
  const floats = withoutWholeNumbers(weights);
  return precision === 'fp32' ? toSinglePrecision(floats) : halved(model, floats);
}

/** The weights of one part as official files have them: what they hold under two names is there twice. */
function officialWeights(model: Model, part: ModelPart, precision: 'fp32' | 'fp16' | undefined): Weights {
  const { system, weights: all } = model.generator;
  const own = part === 'generator' ? ownWeights(system, all) : model.tokenizerModel.weights;
  const weights = inPrecision(model, own, precision);
  const { tied = {} } = part === 'generator' ? system.checkpoint : {};
  return new Map([
    ...weights,
    ...Object.entries(tied).map(([other, name]) => [other, weights.get(name)!] as const),
  ]);
}

/**
 * Writes a model folder in another precision, with what belongs to it; it appears complete or not at all.
 * @param precision as it is stored, when left out; `int8` and `int4` are of the generator's linear layers
 * @throws OutputError when it exists already or cannot be written, UsageError for 8 or 4 bits of what is stored in fewer,
 *   InputError when half precision does not reach some of the weights.
 */
export async function exportModelFolder(model: Model, folder: string, precision?: Precision): Promise<void> {
  const { generator, tokenizerModel: tokenizer } = model;
  await writeModelFolder(
    folder,
    isQuantizedPrecision(precision)
      ? { generator: inRunPrecision(generator, precision, model.folder), tokenizer }
      : {
          generator: { ...generator, weights: inPrecision(model, generator.weights, precision) },
          tokenizer: { ...tokenizer, weights: inPrecision(model, tokenizer.weights, precision) },
        },
  );
}

/** Writes one part's weights as a safetensors file, with configuration, labels and licence as metadata. */
export async function exportSafetensors(
  model: Model,
  part: ModelPart,
  path: string,
  precision?: 'fp32' | 'fp16',
): Promise<void> {
  requireForeignOutput(model.folder, [path]);
  const weights = officialWeights(model, part, precision);
  const chunks = serializeSafetensors(weights, { format: 'pt', ...exportMetadata(partOf(model, part)) });
  await writeOutputFile(path, breathing(chunks));
}

/**
 * Writes one part's weights as PyTorch's `torch.save` does, under the key that official files have them under, with
 * configuration, labels and licence as text beside.
 */
export async function exportPytorch(
  model: Model,
  part: ModelPart,
  path: string,
  precision?: 'fp32' | 'fp16',
): Promise<void> {
  requireForeignOutput(model.folder, [path]);
  const weights = officialWeights(model, part, precision);
  const key = part === 'generator' ? model.generator.system.checkpoint.key : undefined;
  await writeOutputFile(path, serializePytorch(weights, exportMetadata(partOf(model, part)), key));
}

export interface GpujsExport {
  /** gpu.js' mode that the kernels are generated for (default `webgl`). */
  readonly mode?: PageMode;
  /** Steps of a picture; each has kernels of its own (default: the system's for the model). */
  readonly steps?: number;
  readonly schedule?: string;
  /** Settings that only the model's system has. */
  readonly own?: SettingValues;
  /** Whether pictures can be guided, at twice the work (default true). */
  readonly guided?: boolean;
}

/** The decoder of what a model's system draws with such settings. */
function decoderOf({ generator: { system, config }, tokenizerModel }: Model, own: SettingValues): Graph {
  const { kind, config: tokenizer } = tokenizerModel;
  const drawsSums = kind.codes === 'scales' && system.drawnCodes?.(config, own)?.kind === 'vectors';
  return drawsSums ? kind.latentDecoder!(tokenizer) : kind.graphs(tokenizer).decoder();
}

/**
 * A stand-alone JavaScript module that draws pictures in a page with nothing but gpu.js.
 * @throws UsageError for impossible steps, InputError for a model too large.
 */
export async function exportGpujs(
  model: Model,
  { mode = 'webgl', steps, schedule, own: settings, guided = true }: GpujsExport = {},
): Promise<string> {
  requireMatchingParts(model, 'decode');
  const { generator, tokenizerModel } = model;
  const { system, config } = generator;
  const { grid } = model.facts;
  const choices = resolveSettings(
    {
      seed: 0,
      ...(steps !== undefined && { steps }),
      ...(schedule && { schedule }),
      ...(settings && { own: settings }),
    },
    generator,
    grid,
  );
  return gpujsModule(
    {
      name: basename(model.folder),
      license: generator.license,
      labels: generator.labels,
      system,
      config,
      generatorWeights: generator.weights,
      decoderGraph: decoderOf(model, choices.own),
      decoderWeights: tokenizerModel.weights,
      tokenPixels: tokenizerModel.kind.facts(tokenizerModel.config).factor,
      sampling: {
        guidance: choices.guidance,
        guidanceSchedule: choices.guidanceSchedule,
        temperature: choices.temperature,
        topP: choices.topP,
        own: choices.own,
      },
    },
    { mode, steps: choices.steps, schedule: choices.schedule, guided },
  );
}
