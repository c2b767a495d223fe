import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { compileGraph } from '../../compiler/compile.js';
import { foldUpsample } from '../../compiler/foldUpsample.js';
import type { Pass } from '../../compiler/rewrite.js';
import { type Graph, inputNode } from '../../graph/graph.js';
import { GraphError } from '../../graph/graphError.js';
import { bindInputs } from '../../graph/interpret.js';
import type { OpDefinition } from '../../graph/op.js';
import type { DType } from '../../graph/tensorType.js';
import type { Weights } from '../../graph/weights.js';
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
import { lowerToOnnx } from './lowerToOnnx.js';
import { OnnxProfile } from './onnxProfile.js';
import { loadOnnxRuntime, type OnnxRuntime, onnxRuntimeVersion } from './onnxRuntime.js';
import { encodeOnnxModel } from './onnxSchema.js';
import { referToFiles } from './onnxWeights.js';

const ortTypes = { f32: 'float32', i32: 'int32', bool: 'bool' } as const;
const dtypes: Readonly<Record<string, DType>> = { float32: 'f32', int32: 'i32', bool: 'bool' };

/** Only warnings and worse are of interest, and those come back as errors. */
const FATAL_ONLY = 4;

export interface OnnxTargetOptions {
  /** Threads of one operation; onnxruntime's choice, one per physical core, when left out. */
  readonly threads?: number;
}

/** Whether an operation lowers to ONNX by itself. */
export function hasOnnxForm(op: OpDefinition): boolean {
  return op.onnx !== undefined;
}

/** What a graph goes through last before it is lowered to ONNX. */
export const ONNX_PASSES: readonly Pass[] = [foldUpsample];

class OnnxTensorHandle implements DeviceTensor {
  readonly tensor: OrtTensor;
  readonly dtype: DType;
  readonly shape: readonly number[];

  constructor(tensor: OrtTensor) {
    this.tensor = tensor;
    this.dtype = dtypes[tensor.type]!;
    this.shape = tensor.dims;
  }

  async read(): Promise<HostTensor> {
    return { dtype: this.dtype, shape: this.shape, data: this.tensor.data as HostTensor['data'] };
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

function toOrtTensor(ort: OnnxRuntime, tensor: TargetTensor): OrtTensor {
  if (!isDeviceTensor(tensor)) return new ort.Tensor(ortTypes[tensor.dtype], tensor.data, tensor.shape);
  if (tensor instanceof OnnxTensorHandle) return tensor.tensor;
  throw new GraphError('a tensor of another target cannot be used by the onnx target');
}

/** A session, and its profile where anybody wants one. */
interface Profiled {
  readonly session: InferenceSession;
  readonly profile: OnnxProfile | undefined;
}

async function createSession(
  ort: OnnxRuntime,
  graph: Graph,
  weights: Weights | undefined,
  options: OnnxTargetOptions,
): Promise<Profiled> {
  const { model, weightsFolder } = withSpan(
    'lower',
    `lower ${graph.name}`,
    () => ({}),
    () => referToFiles(lowerToOnnx(graph, weights)),
  );
  const profile = areSpansWanted() ? new OnnxProfile() : undefined;
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: FATAL_ONLY,
    ...(options.threads !== undefined && { intraOpNumThreads: options.threads }),
    ...profile?.settings,
    extra: {
      session: {
        // Each session has threads of its own; those of one that waits must not keep the cores from the next.
        intra_op: { allow_spinning: '0' },
        ...(weightsFolder !== undefined && { model_external_initializers_file_folder_path: weightsFolder }),
      },
    },
  };
  const create = () => ort.InferenceSession.create(encodeOnnxModel(model), settings);
  try {
    const session = await withSpan('session', `create session ${graph.name}`, () => ({}), create);
    profile?.started(session);
    return { session, profile };
  } catch (error) {
    profile?.finish();
    throw error;
  }
}

/**
 * Runs graphs in onnxruntime on the CPU. Weights are constants of the session, which onnxruntime packs once; those
 * in safetensors files are read straight from there.
 */
export function onnxTarget(options: OnnxTargetOptions = {}): Target {
  const ort = loadOnnxRuntime();
  return {
    name: 'onnx',
    description: `onnxruntime ${onnxRuntimeVersion()} on the CPU`,
    async compile(graph, { weights, onPass } = {}) {
      const compiled = compileGraph(graph, {
        supports: hasOnnxForm,
        ownPasses: ONNX_PASSES,
        ...(weights && { weights }),
        ...(onPass && { onPass }),
      });
      const requireMemory = memoryGuard(compiled);
      const requireIndices = indexGuard(graph);
      const { session, profile } = await createSession(ort, compiled, weights, options);
      return {
        async run(inputs, outputs = Object.keys(graph.outputs)) {
          const bindings = bindInputs(graph, inputs);
          requireMemory(bindings);
          requireIndices(inputs, bindings);
          const feeds = Object.fromEntries(
            graph.inputs.map((tensor) => {
              const { name } = inputNode(tensor);
              return [name, toOrtTensor(ort, inputs[name]!)];
            }),
          );
          profile?.runStarts();
          const results = await withSpan(
            'run',
            `run ${graph.name}`,
            () => runArguments(inputs, outputs),
            () => session.run(feeds, outputs),
          );
          return Object.fromEntries(
            outputs.map((name) => [name, new OnnxTensorHandle(results[name] as OrtTensor)]),
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
