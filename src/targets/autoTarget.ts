import { gpujsTarget } from './gpujs/gpujsTarget.js';
import { deviceTarget, type DeviceTargetOptions } from './onnx/deviceTarget.js';
import { inspectProvider } from './onnx/onnxProviders.js';
import { passesSelfTest } from './selfTest.js';
import type { Target } from './target.js';
import { type DeviceReport, inspectWebGpu } from './webGpu.js';

/** A target that may be chosen. */
export interface Candidate {
  readonly name: string;
  inspect(): Promise<DeviceReport>;
  /** The target; one made for the self-test lets nothing run elsewhere. */
  make(isForTest: boolean): Promise<Target>;
}

/** The targets on GPUs, the fastest first. CoreML and DirectML carry caches through this process, and are to be asked for. */
export function gpuCandidates(
  threading: Pick<DeviceTargetOptions, 'threads'>,
  allowFallback: boolean,
): readonly Candidate[] {
  const onnx = (['cuda', 'webgpu'] as const).map((provider) => ({
    name: `onnx:${provider}`,
    inspect: () => inspectProvider(provider),
    make: (isForTest: boolean) => deviceTarget(provider, { ...threading, alone: isForTest }),
  }));
  const gpujs = {
    name: 'gpujs:webgpu',
    inspect: inspectWebGpu,
    make: (isForTest: boolean) => gpujsTarget({ mode: 'webgpu', allowFallback: allowFallback && !isForTest }),
  };
  return [...onnx, gpujs];
}

/** Why a candidate is not to be chosen; undefined where it is. */
async function objection({ inspect, make }: Candidate): Promise<string | undefined> {
  try {
    const { usable, realGpu, detail } = await inspect();
    if (!usable) return detail;
    if (!realGpu) return `${detail}, which is a program on the CPU`;
    return (await passesSelfTest(await make(true))) ? undefined : `${detail} gives wrong numbers`;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The first candidate on a real device that passes the self-test; undefined where there is none.
 * @param report hears why others were passed over, a line each
 */
export async function firstWorking(
  candidates: readonly Candidate[],
  report: (line: string) => void,
): Promise<Target | undefined> {
  for (const candidate of candidates) {
    const reason = await objection(candidate);
    if (reason === undefined) return candidate.make(false);
    report(`${candidate.name} is not used: ${reason.replace(`${candidate.name}: `, '')}`);
  }
  return undefined;
}
