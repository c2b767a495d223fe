import { gpujsTarget } from '../../src/targets/gpujs/gpujsTarget.js';
import { resolveTarget } from '../../src/targets/resolveTarget.js';
import { onnxWebGpu, webGpu } from '../support/conformance.js';
import { expectSet } from '../support/golden/expectSet.js';

/** What is checked of each set, by target, where every key would take minutes; the rest is checked there by test/graphs. */
const PARTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  onnx: { 'var-tiny': [] },
  reference: {
    'arpg-tiny': [],
    'vq-tiny': [],
    'llamagen-tiny': [],
    'randar-tiny': [],
    'par-tiny': [],
    'nar-tiny': [],
    'maskgit-tiny': [],
    'var-tiny': [],
    'mar-tiny': [],
    'mar-vae-tiny': [],
  },
  'gpujs:webasm': {
    'var-tiny': ['generate.*', 'vae.reconstruction.*'],
    'mar-tiny': [],
    'mar-vae-tiny': [],
  },
  'gpujs:cpu': {
    'arpg-tiny': ['generate.*'],
    'vq-tiny': ['latent', 'reconstruction'],
    'llamagen-tiny': [],
    'randar-tiny': [],
    'par-tiny': ['generate.1.*', 'train.loss'],
    'nar-tiny': ['generate.1.*', 'train.loss'],
    'maskgit-tiny': [],
    'var-tiny': ['generate.2.*', 'train.loss', 'vae.latent'],
    'mar-tiny': [],
    'mar-vae-tiny': [],
  },
  'gpujs:webgpu': { 'vq-tiny': ['loss.*', 'grad.*'] },
  'onnx:webgpu': {
    'arpg-tiny': [],
    'vq-tiny': [],
    'llamagen-tiny': [],
    'randar-tiny': [],
    'par-tiny': ['generate.0.*', 'train.loss'],
    'nar-tiny': ['generate.0.*', 'train.loss'],
    'maskgit-tiny': ['generate.0.*', 'train.loss'],
    'var-tiny': ['generate.2.*', 'train.loss', 'vae.latent'],
    'mar-tiny': ['generate.0.*', 'train.loss'],
    'mar-vae-tiny': [],
  },
};

/** A target of this list; undefined for a device that this machine does not have. */
async function targetOf(name: string) {
  if (name === 'onnx:webgpu') return onnxWebGpu;
  if (name === 'gpujs:webgpu') return webGpu.usable ? gpujsTarget({ mode: 'webgpu' }) : undefined;
  return resolveTarget(name, {});
}

for (const [targetName, sets] of Object.entries(PARTS))
  describe(`reference sets on ${targetName}`, () => {
    for (const [name, parts] of Object.entries(sets))
      it(`${name} lies within its tolerances: ${parts.join(', ') || 'every key'}`, async function () {
        const target = await targetOf(targetName);
        if (!target) this.skip();
        await expectSet(name, target, parts);
      });
  });
