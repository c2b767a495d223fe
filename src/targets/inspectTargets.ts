import { deviceTarget } from './onnx/deviceTarget.js';
import { ONNX_PROVIDERS } from './onnx/onnxProviders.js';
import { resolveTarget, TARGET_NAMES } from './resolveTarget.js';
import { passesSelfTest } from './selfTest.js';
import type { Target } from './target.js';

/** Whether a target works here. */
export interface TargetReport {
  readonly name: string;
  readonly usable: boolean;
  /** What it is, or why it cannot be used. */
  readonly detail: string;
}

/** The target to be tried; on a device nothing may run elsewhere, so that it is the device that is tried. */
async function makeTarget(name: string): Promise<Target> {
  const provider = ONNX_PROVIDERS.find((known) => name === `onnx:${known}`);
  return provider ? deviceTarget(provider, { alone: true }) : resolveTarget(name);
}

async function inspect(name: string): Promise<TargetReport> {
  try {
    const target = await makeTarget(name);
    const usable = await passesSelfTest(target);
    return {
      name,
      usable,
      detail: usable ? target.description : `${target.description}, but it gives wrong numbers`,
    };
  } catch (error) {
    return { name, usable: false, detail: (error as Error).message.replace(`${name}: `, '') };
  }
}

/** Tries every target on a small graph. */
export async function inspectTargets(): Promise<readonly TargetReport[]> {
  const names = TARGET_NAMES.filter((name) => name !== 'auto' && name !== 'gpujs');
  const reports: TargetReport[] = [];
  for (const name of names) reports.push(await inspect(name));
  return reports;
}
