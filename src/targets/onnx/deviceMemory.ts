import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type Graph, inputNode, makeGraph } from '../../graph/graph.js';
import { input } from '../../graph/sources.js';
import { dim } from '../../graph/dimension.js';
import type { DType } from '../../graph/tensorType.js';
import { lowerToOnnx } from './lowerToOnnx.js';
import type { OnnxProvider } from './onnxProviders.js';
import type { OnnxRuntime } from './onnxRuntime.js';
import { encodeOnnxModel } from './onnxSchema.js';

/** The outputs that replace an input in the next run: `present.X` the cache `past.X`, `next.X` the training state `X`. */
export function carriedOutputs(graph: Graph): readonly string[] {
  const inputs = new Set(graph.inputs.map((tensor) => inputNode(tensor).name));
  return Object.keys(graph.outputs).filter((name) => {
    const [, kind, rest] = /^(present|next)\.(.*)$/s.exec(name) ?? [];
    return kind !== undefined && inputs.has(kind === 'present' ? `past.${rest}` : rest!);
  });
}

/** Where onnxruntime leaves the outputs: what is carried stays on the device where the binding can hold it there. */
export function outputLocations(
  graph: Graph,
  provider: OnnxProvider | undefined,
): Pick<InferenceSession.SessionOptions, 'preferredOutputLocation'> {
  const carried = provider === 'webgpu' ? carriedOutputs(graph) : [];
  if (carried.length === 0) return {};
  return { preferredOutputLocation: Object.fromEntries(carried.map((name) => [name, 'gpu-buffer'])) };
}

/** Reads a tensor on the device into this process's memory. */
export type DeviceReader = (tensor: OrtTensor, dtype: DType) => Promise<OrtTensor>;

/**
 * Reads tensors on a provider's device. The library cannot do that in Node.js (`Tensor.getData` ends the process), but a
 * session can: one that gives its input back as an output in this process's memory. There is one for each dtype and number of axes.
 */
export function deviceReader(ort: OnnxRuntime, settings: InferenceSession.SessionOptions): DeviceReader {
  const sessions = new Map<string, Promise<InferenceSession>>();
  const createSession = (dtype: DType, axes: number): Promise<InferenceSession> => {
    const shape = Array.from({ length: axes }, (_, axis) => dim(`size${axis}`));
    const x = input('x', dtype, shape);
    const { model } = lowerToOnnx(makeGraph('read', [x], { y: x }));
    return ort.InferenceSession.create(encodeOnnxModel(model), settings);
  };
  return async (tensor, dtype) => {
    const key = `${dtype} ${tensor.dims.length}`;
    const session = sessions.get(key) ?? createSession(dtype, tensor.dims.length);
    sessions.set(key, session);
    const { y } = await (await session).run({ x: tensor });
    return y as OrtTensor;
  };
}
