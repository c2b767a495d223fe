import { compileGraph } from '../compiler/compile.js';
import { quantizeWeights } from '../compiler/quantizeWeights.js';
import type { Graph } from '../graph/graph.js';
import { toHalfPrecision, toSinglePrecision, type Weights } from '../graph/weights.js';
import { writeOutputFile } from '../atomicFile.js';
import { breathing } from '../breathe.js';
import { basename } from 'node:path';
import { hasOnnxForm, type LoweredModel, lowerToOnnx, onnxPasses } from '../targets/onnx/lowerToOnnx.js';
import { encodeOnnxModel } from '../targets/onnx/onnxSchema.js';
import { embedWeights, moveWeightsOut, weightBytes } from '../targets/onnx/onnxWeights.js';

/**
 * How weights are stored. `int8` also computes linear layers in 8 bits; `int4` keeps their weights in 4, for an operator
 * of onnxruntime's own. All else is computed in single precision.
 */
export const PRECISIONS = ['fp32', 'fp16', 'int8', 'int4'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface OnnxExportOptions {
  readonly precision: Precision;
  /** What the file should say about itself. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A protobuf message holds less than 2 GiB; from here on weights get a file of their own. */
const MAX_EMBEDDED_BYTES = 2 ** 30;

/** The weights as a model of that precision holds them. */
function storedIn(precision: Precision, graph: Graph, weights: Weights): Weights {
  if (precision === 'fp32') return toSinglePrecision(weights);
  if (precision === 'fp16') return toHalfPrecision(weights);
  return toHalfPrecision(quantizeWeights([graph], weights, precision));
}

/**
 * A graph as an ONNX model of standard operators alone, as compiled for the onnx target, with its symbolic dims and the
 * checkpoint's parameter names.
 */
export function onnxModelOf(
  graph: Graph,
  weights: Weights,
  { precision, metadata }: OnnxExportOptions,
): LoweredModel {
  const stored = storedIn(precision, graph, weights);
  // What is folded comes from the weights as they are stored, so that all of the model agrees.
  const lowering = { standardOnly: true };
  const ownPasses = onnxPasses(lowering);
  const compiled = compileGraph(graph, { supports: hasOnnxForm, ownPasses, weights: stored });
  const { model, parameters } = lowerToOnnx(compiled, stored, lowering);
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
