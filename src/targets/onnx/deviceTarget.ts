import { TargetError } from '../../errors.js';
import { bindInputs } from '../../graph/interpret.js';
import {
  type Executable,
  type HostTensor,
  isDeviceTensor,
  type Target,
  type TargetTensor,
} from '../target.js';
import { emptyOperations } from './emptyOperations.js';
import { inspectProvider, type OnnxProvider } from './onnxProviders.js';
import { onnxTarget } from './onnxTarget.js';

export interface DeviceTargetOptions {
  /** Threads of what the CPU has to run. */
  readonly threads?: number;
  /** Whether to refuse graphs of which the CPU would have to run a part (default false). */
  readonly alone?: boolean;
}

type Inputs = Readonly<Record<string, TargetTensor>>;

async function readAll(inputs: Inputs): Promise<Readonly<Record<string, HostTensor>>> {
  const read = Object.entries(inputs).map(
    async ([name, tensor]) => [name, isDeviceTensor(tensor) ? await tensor.read() : tensor] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}

/** The target, whose runs go to another one for sizes with which the device may end the process. */
function withoutEmptyOperations(target: Target, other: Target): Target {
  return {
    ...target,
    async compile(graph, options) {
      const executable = await target.compile(graph, options);
      const isEmpty = emptyOperations(graph);
      let spare: Promise<Executable> | undefined;
      return {
        async run(inputs, outputs) {
          if (!isEmpty(bindInputs(graph, inputs))) return executable.run(inputs, outputs);
          spare ??= other.compile(graph, options);
          return (await spare).run(await readAll(inputs), outputs);
        },
        async dispose() {
          await executable.dispose();
          await (await spare)?.dispose();
        },
      };
    },
  };
}

/**
 * onnxruntime on a device.
 * @throws TargetError with the reason when the provider cannot be used here.
 */
export async function deviceTarget(
  provider: OnnxProvider,
  { threads, alone = false }: DeviceTargetOptions = {},
): Promise<Target> {
  const { usable, detail } = await inspectProvider(provider);
  if (!usable) throw new TargetError(`onnx:${provider}: ${detail}`);
  const threading = threads === undefined ? {} : { threads };
  const device = onnxTarget({ ...threading, device: { provider, detail, alone } });
  return alone ? device : withoutEmptyOperations(device, onnxTarget(threading));
}
