import { basename, dirname } from 'node:path';
import { breathing } from '../../breathe.js';
import { byteLength, type StoredDType } from '../../graph/weights.js';
import type { LoweredModel, OnnxParameter } from './lowerToOnnx.js';
import { EXTERNAL_DATA, ONNX_DATA_TYPES, type OnnxModel, type OnnxTensor } from './onnxSchema.js';

const storedTypes: Partial<Record<StoredDType, keyof typeof ONNX_DATA_TYPES>> = {
  f32: 'float',
  f16: 'float16',
  bf16: 'bfloat16',
  i8: 'int8',
  u8: 'uint8',
};

/** ONNX' name of a stored element type; undefined where models here hold none such. */
export function onnxTypeOfStored(dtype: StoredDType): keyof typeof ONNX_DATA_TYPES | undefined {
  return storedTypes[dtype];
}

function describe({ name, stored }: OnnxParameter): Pick<OnnxTensor, 'name' | 'dims' | 'dataType'> {
  return { name, dims: stored.shape, dataType: ONNX_DATA_TYPES[storedTypes[stored.dtype]!] };
}

/** A parameter in a file. Where it has no elements it stays inside: a length of 0 would mean the rest of the file. */
function externalTensor(parameter: OnnxParameter, location: string, offset: number): OnnxTensor {
  if (byteLength(parameter.stored) === 0) return { ...describe(parameter), rawData: new Uint8Array(0) };
  return {
    ...describe(parameter),
    dataLocation: EXTERNAL_DATA,
    externalData: [
      { key: 'location', value: location },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(byteLength(parameter.stored)) },
    ],
  };
}

function withInitializers({ model }: LoweredModel, parameters: readonly OnnxTensor[]): OnnxModel {
  const { graph } = model;
  return { ...model, graph: { ...graph, initializer: [...graph.initializer, ...parameters] } };
}

/** The model with its parameters' elements inside. */
export async function embedWeights(lowered: LoweredModel): Promise<OnnxModel> {
  const tensors: OnnxTensor[] = [];
  // Reading may mean converting, which takes its time.
  for await (const parameter of breathing(lowered.parameters))
    tensors.push({ ...describe(parameter), rawData: parameter.stored.read() });
  return withInitializers(lowered, tensors);
}

/**
 * The model with parameters left where they lie: all those in files of one folder, which the runtime must be told; the
 * others inside.
 */
export function referToFiles(lowered: LoweredModel): {
  readonly model: OnnxModel;
  readonly weightsFolder: string | undefined;
} {
  const { parameters } = lowered;
  const first = parameters.find(({ stored }) => stored.file !== undefined)?.stored.file;
  const weightsFolder = first && dirname(first.path);
  const tensors = parameters.map((parameter) => {
    const { file } = parameter.stored;
    return file && dirname(file.path) === weightsFolder
      ? externalTensor(parameter, basename(file.path), file.offset)
      : { ...describe(parameter), rawData: parameter.stored.read() };
  });
  return { model: withInitializers(lowered, tensors), weightsFolder };
}

/** Elements start at a multiple of this, a memory page, so that runtimes can map them. */
const ALIGNMENT = 4096;

/**
 * The model with its parameters in a file beside it.
 * @param location the file's name
 * @returns the model, and the file's bytes tensor by tensor, and their number
 */
export function moveWeightsOut(
  lowered: LoweredModel,
  location: string,
): { readonly model: OnnxModel; readonly data: () => Generator<Uint8Array>; readonly size: number } {
  let end = 0;
  const places = lowered.parameters.map((parameter) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const padding = offset - end;
    end = offset + byteLength(parameter.stored);
    return { parameter, offset, padding };
  });
  const tensors = places.map(({ parameter, offset }) => externalTensor(parameter, location, offset));
  function* data(): Generator<Uint8Array> {
    for (const { parameter, padding } of places) {
      yield new Uint8Array(padding);
      yield parameter.stored.read();
    }
  }
  return { model: withInitializers(lowered, tensors), data, size: end };
}

/** Bytes of all parameters' elements. */
export function weightBytes({ parameters }: LoweredModel): number {
  return parameters.reduce((sum, { stored }) => sum + byteLength(stored), 0);
}
