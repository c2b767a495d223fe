import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { TargetError, UserError } from '../../errors.js';
import { type Graph, inputNode } from '../../graph/graph.js';
import { GraphError } from '../../graph/graphError.js';
import { bindInputs } from '../../graph/interpret.js';
import type { DType } from '../../graph/tensorType.js';
import {
  type DeviceTensor,
  type HostTensor,
  isDeviceTensor,
  type Target,
  type TargetTensor,
} from '../target.js';
import { areSpansWanted, withSpan } from '../../inspect/observer.js';
import { indexGuard } from '../indexGuard.js';
import { memoryGuard } from '../memoryGuard.js';
import { runArguments } from '../runArguments.js';
import { type DeviceReader, deviceReader, outputLocations } from './deviceMemory.js';
import type { LoweringOptions } from './lowerToOnnx.js';
import { OnnxProfile } from './onnxProfile.js';
import type { OnnxProvider } from './onnxProviders.js';
import { loadOnnxRuntime, type OnnxRuntime, onnxRuntimeVersion } from './onnxRuntime.js';
import type { OptimizedKeeping } from './optimizedModel.js';
import { type PreparedModel, prepareModel } from './preparedModel.js';

const ortTypes = { f32: 'float32', i32: 'int32', bool: 'bool' } as const;
const dtypes: Readonly<Record<string, DType>> = { float32: 'f32', int32: 'i32', bool: 'bool' };

/** Only warnings and worse are of interest, and those come back as errors. */
const FATAL_ONLY = 4;

export interface OnnxTargetOptions {
  /** Threads of one operation; onnxruntime's choice, one per physical core, when left out. */
  readonly threads?: number;
  /** The device that runs whatever it can; the CPU runs all when left out. */
  readonly device?: OnnxDevice;
}

/** An execution provider that works here, as `inspectProvider` finds it. */
export interface OnnxDevice {
  readonly provider: OnnxProvider;
  /** What the provider runs on, for people. */
  readonly detail: string;
  /** Whether to refuse graphs of which the CPU would have to run a part (default false). */
  readonly alone?: boolean;
}

class OnnxTensorHandle implements DeviceTensor {
  readonly tensor: OrtTensor;
  readonly dtype: DType;
  readonly shape: readonly number[];
  private readonly reader: DeviceReader;

  constructor(tensor: OrtTensor, reader: DeviceReader) {
    this.tensor = tensor;
    this.dtype = dtypes[tensor.type]!;
    this.shape = tensor.dims;
    this.reader = reader;
  }

  get isOnDevice(): boolean {
    return this.tensor.location !== 'cpu';
  }

  async read(): Promise<HostTensor> {
    const { data } = this.isOnDevice ? await this.reader(this.tensor, this.dtype) : this.tensor;
    return { dtype: this.dtype, shape: this.shape, data: data as HostTensor['data'] };
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

function toOrtTensor(ort: OnnxRuntime, tensor: TargetTensor, provider: OnnxProvider | undefined): OrtTensor {
  if (!isDeviceTensor(tensor)) return new ort.Tensor(ortTypes[tensor.dtype], tensor.data, tensor.shape);
  // All sessions share a device, so that what is there may go to another executable.
  if (tensor instanceof OnnxTensorHandle && (!tensor.isOnDevice || provider === 'webgpu'))
    return tensor.tensor;
  throw new GraphError('a tensor of another target cannot be used by the onnx target');
}

/** A session, and its profile where anybody wants one. */
interface Profiled {
  readonly session: InferenceSession;
  readonly profile: OnnxProfile | undefined;
}

/** Who runs the operations: the device where there is one, and the CPU what is left. */
function providerSettings(device: OnnxDevice | undefined): InferenceSession.SessionOptions {
  if (!device) return { executionProviders: ['cpu'] };
  const { provider } = device;
  // DirectML works without planned memory alone.
  return { executionProviders: [provider], ...(provider === 'dml' && { enableMemPattern: false }) };
}

/** The operators that a device has: onnxruntime's own would fall to the CPU on some. */
function loweringFor(device: OnnxDevice | undefined): LoweringOptions {
  switch (device?.provider) {
    case 'webgpu':
      return { standardOnly: true, centresRows: true, onDevice: true };
    case 'coreml':
      return { standardOnly: true, onDevice: true };
    case 'dml':
      return { onDevice: true };
    case undefined:
      return { blocksChannels: process.arch === 'x64' };
    default:
      return {};
  }
}

/** What a provider says: its first line, without the place in its source. */
function providerMessage(error: unknown): string {
  return (error as Error).message.split('\n')[0]!.replace(/^\/onnxruntime_src.* was false\. /, '');
}

/** What a device reports, which is no fault of the program: that it has not enough memory, or is lost. */
async function onDevice<T>(device: OnnxDevice | undefined, call: () => Promise<T>): Promise<T> {
  if (!device) return call();
  try {
    return await call();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new TargetError(`${targetName(device)}: ${providerMessage(error)}`, error);
  }
}

function targetName(device: OnnxDevice | undefined): string {
  return device ? `onnx:${device.provider}` : 'onnx';
}

async function createSession(
  ort: OnnxRuntime,
  graph: Graph,
  { bytes, weightsFolder, isOptimized }: PreparedModel,
  options: OnnxTargetOptions,
  optimizedKeeping?: OptimizedKeeping,
): Promise<Profiled> {
  const profile = areSpansWanted() ? new OnnxProfile() : undefined;
  const settings: InferenceSession.SessionOptions = {
    ...providerSettings(options.device),
    ...outputLocations(graph, options.device?.provider),
    graphOptimizationLevel: isOptimized ? 'disabled' : 'all',
    logSeverityLevel: FATAL_ONLY,
    ...(options.threads !== undefined && { intraOpNumThreads: options.threads }),
    ...profile?.settings,
    ...optimizedKeeping?.settings,
    extra: {
      session: {
        // Each session has threads of its own; those of one that waits must not keep the cores from the next.
        intra_op: { allow_spinning: '0' },
        ...optimizedKeeping?.sessionEntries,
        ...(options.device?.alone && { disable_cpu_ep_fallback: '1' }),
        ...(weightsFolder !== undefined && { model_external_initializers_file_folder_path: weightsFolder }),
      },
    },
  };
  const create = () => onDevice(options.device, () => ort.InferenceSession.create(bytes, settings));
  try {
    const session = await withSpan('session', `create session ${graph.name}`, () => ({}), create);
    profile?.started(session);
    return { session, profile };
  } catch (error) {
    profile?.finish();
    throw error;
  }
}

/** A session of a model, which is kept as the session optimises it where that is wanted and possible. */
async function startSession(
  ort: OnnxRuntime,
  graph: Graph,
  prepared: PreparedModel,
  options: OnnxTargetOptions,
): Promise<Profiled> {
  const optimizedKeeping = prepared.beginKeeping?.();
  if (!optimizedKeeping) return createSession(ort, graph, prepared, options);
  try {
    const session = await createSession(ort, graph, prepared, options, optimizedKeeping);
    optimizedKeeping.keep();
    return session;
  } catch {
    // No room for what was to be kept, perhaps: what else it is comes again without it.
    optimizedKeeping.remove();
    return createSession(ort, graph, prepared, options);
  }
}

/**
 * Runs graphs in onnxruntime, on the CPU or a device. Weights are constants of the session, which onnxruntime packs once;
 * those in safetensors files are read straight from there. What a graph carries from run to run stays on the device.
 */
export function onnxTarget(options: OnnxTargetOptions = {}): Target {
  const ort = loadOnnxRuntime();
  const { device } = options;
  const reader = deviceReader(ort, { ...providerSettings(device), logSeverityLevel: FATAL_ONLY });
  return {
    name: targetName(device),
    description: `onnxruntime ${onnxRuntimeVersion()}${device ? `, ${device.detail}` : ' on the CPU'}`,
    async compile(graph, { weights, onPass, isOptimizedEnough = false } = {}) {
      const made = await prepareModel(graph, {
        lowering: loweringFor(device),
        ...(weights && { weights }),
        ...(onPass && { onPass }),
        optimized: !device && !areSpansWanted() && !isOptimizedEnough,
      });
      const prepared = !device && isOptimizedEnough ? { ...made, isOptimized: true } : made;
      const requireMemory = memoryGuard(prepared.needs);
      const requireIndices = indexGuard(graph);
      const { session, profile } = await startSession(ort, graph, prepared, options);
      return {
        async run(inputs, outputs = Object.keys(graph.outputs)) {
          const bindings = bindInputs(graph, inputs);
          requireMemory(bindings);
          requireIndices(inputs, bindings);
          const feeds = Object.fromEntries(
            graph.inputs.map((tensor) => {
              const { name } = inputNode(tensor);
              return [name, toOrtTensor(ort, inputs[name]!, device?.provider)];
            }),
          );
          const results = await withSpan(
            'run',
            `run ${graph.name}`,
            () => runArguments(inputs, outputs),
            () => {
              profile?.runStarts();
              return onDevice(device, () => session.run(feeds, outputs));
            },
          );
          return Object.fromEntries(
            outputs.map((name) => [name, new OnnxTensorHandle(results[name] as OrtTensor, reader)]),
          );
        },
        async dispose() {
          profile?.finish();
          await session.release();
        },
      };
    },
  };
}
