import { compileGraph } from '../compiler/compile.js';
import type { Graph } from '../graph/graph.js';
import { toHalfPrecision, toSinglePrecision, type Weights } from '../graph/weights.js';
import { writeOutputFile } from '../atomicFile.js';
import { breathing } from '../breathe.js';
import { basename } from 'node:path';
import { type LoweredModel, lowerToOnnx } from '../targets/onnx/lowerToOnnx.js';
import { encodeOnnxModel } from '../targets/onnx/onnxSchema.js';
import { hasOnnxForm, ONNX_PASSES } from '../targets/onnx/onnxTarget.js';
import { embedWeights, moveWeightsOut, weightBytes } from '../targets/onnx/onnxWeights.js';
import { quantizeLinearLayers } from './quantize.js';

/** How weights are stored; `int8` also computes linear layers in 8 bits, all else is computed in single precision. */
export const PRECISIONS = ['fp32', 'fp16', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface OnnxExportOptions {
  readonly precision: Precision;
  /** What the file should say about itself. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A protobuf message holds less than 2 GiB; from here on weights get a file of their own. */
const MAX_EMBEDDED_BYTES = 2 ** 30;

/**
 * A graph as an ONNX model of standard operators alone, as compiled for the onnx target, with its symbolic dims and the
 * checkpoint's parameter names.
 */
export function onnxModelOf(
  graph: Graph,
  weights: Weights,
  { precision, metadata }: OnnxExportOptions,
): LoweredModel {
  const stored = precision === 'fp32' ? toSinglePrecision(weights) : toHalfPrecision(weights);
  // What is folded comes from the weights as they are stored, so that all of the model agrees.
  const compiled = compileGraph(graph, { supports: hasOnnxForm, ownPasses: ONNX_PASSES, weights: stored });
  const lowered = lowerToOnnx(compiled, stored, { standardOnly: true });
  const { model, parameters } = precision === 'int8' ? quantizeLinearLayers(lowered) : lowered;
  const metadataProps = Object.entries(metadata).map(([key, value]) => ({ key, value }));
  return { model: { ...model, metadataProps }, parameters };
}

/** The file that holds the weights of a model too large for one. */
export function externalDataName(path: string): string {
  return `${basename(path)}.data`;
}

/**
 * Writes a model, and, where asked for or where it is large, its weights into `FILE.data` beside it.
 * @returns the files written
 * @throws OutputError when one cannot be written.
 */
export async function writeOnnxModel(
  path: string,
  lowered: LoweredModel,
  externalData = false,
): Promise<readonly string[]> {
  if (!externalData && weightBytes(lowered) <= MAX_EMBEDDED_BYTES) {
    await writeOutputFile(path, [encodeOnnxModel(await embedWeights(lowered))]);
    return [path];
  }
  const { model, data } = moveWeightsOut(lowered, externalDataName(path));
  const dataPath = `${path}.data`;
  await writeOutputFile(dataPath, breathing(data()));
  await writeOutputFile(path, [encodeOnnxModel(model)]);
  return [path, dataPath];
}
