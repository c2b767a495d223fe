import { createHash } from 'node:crypto';
import { SMALL_FEATURES_SIDE, smallFeatures } from '../../graphs/smallFeatures.js';
import { inceptionV3 } from '../../graphs/inceptionV3.js';
import { openSafetensors } from '../checkpoints/safetensors.js';
import { cropForTokens, type RgbImage } from '../data/image.js';
import type { Graph } from '../graph/graph.js';
import { readFloats, type Weights } from '../graph/weights.js';
import { packageFile } from '../packageFiles.js';
import { requireFinite } from '../targets/finite.js';
import type { Executable, HostTensor, Target } from '../targets/target.js';
import { imageSignal, pixelPlanes } from '../tokenizers/pixelSignal.js';
import { type FeatureNetwork, type FoundFeatures, joinFound } from './featureNetwork.js';
import { openInception } from './inceptionWeights.js';
import type { Features } from './moments.js';

/** The network that comes with arpg: it knows the pictures of the shipped models. */
const SMALL_FILE = 'fixtures/features/small.safetensors';

function rowsIn({ shape, data }: HostTensor): Features {
  const [count, width] = shape as [number, number];
  requireFinite(data, 'the features');
  return { count, width, values: Float32Array.from(data) };
}

function digestOf(weights: Weights): string {
  const hash = createHash('sha256');
  for (const [name, tensor] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\0${tensor.shape.join()}\0`).update(readFloats(tensor));
  return hash.digest('hex');
}

/** The network that comes with arpg, on a target. Pictures are cut to their middle square and brought to 32×32 pixels. */
export async function smallNetwork(target: Target): Promise<FeatureNetwork> {
  const { tensors: weights, metadata } = openSafetensors(packageFile(SMALL_FILE));
  const labels = JSON.parse(metadata.labels ?? '[]') as readonly string[];
  const scale = Number(metadata.scale ?? 1);
  const executable = await target.compile(smallFeatures(labels.length), { weights });
  return {
    name: 'small',
    digest: digestOf(weights),
    async extract(images) {
      const cut = await Promise.all(
        images.map(async (image) => (await cropForTokens(image, 'center', SMALL_FEATURES_SIDE, 1))[0]!),
      );
      const found = await executable.run({ image: imageSignal(cut) });
      const classes = rowsIn(await found.probabilities!.read());
      const { count, width, values } = rowsIn(await found.features!.read());
      return {
        pool: { count, width, values: values.map((value) => value * scale) },
        probabilities: { count: classes.count, classes: classes.width, values: classes.values },
      };
    },
    dispose: () => executable.dispose(),
  };
}

/**
 * Inception v3 of 2015 with published weights, on a target. Pictures of any size are taken as the ADM evaluator takes them.
 * @throws InputError naming the file when it holds other weights.
 */
export async function inceptionNetwork(path: string, target: Target): Promise<FeatureNetwork> {
  const weights = await openInception(path);
  // By the pictures' size.
  const compiled = new Map<string, Promise<Executable>>();
  const graphOf = ({ width, height }: RgbImage): Graph => inceptionV3(height, width);
  const extractAlike = async (images: readonly RgbImage[]): Promise<FoundFeatures> => {
    const key = `${images[0]!.width}×${images[0]!.height}`;
    const executable = compiled.get(key) ?? target.compile(graphOf(images[0]!), { weights });
    compiled.set(key, executable);
    const found = await (await executable).run({ image: pixelPlanes(images, (byte) => byte) });
    const classes = rowsIn(await found.probabilities!.read());
    return {
      pool: rowsIn(await found.pool!.read()),
      spatial: rowsIn(await found.spatial!.read()),
      probabilities: { count: classes.count, classes: classes.width, values: classes.values },
    };
  };
  return {
    name: 'inception',
    digest: digestOf(weights),
    async extract(images) {
      const parts: FoundFeatures[] = [];
      for (const alike of runsOfOneSize(images)) parts.push(await extractAlike(alike));
      return joinFound(parts);
    },
    async dispose() {
      await Promise.all([...compiled.values()].map(async (executable) => (await executable).dispose()));
    },
  };
}

/** Pictures that follow one another and have one size, together. */
function runsOfOneSize(images: readonly RgbImage[]): readonly (readonly RgbImage[])[] {
  const runs: RgbImage[][] = [];
  for (const image of images) {
    const last = runs.at(-1);
    if (last && last[0]!.width === image.width && last[0]!.height === image.height) last.push(image);
    else runs.push([image]);
  }
  return runs;
}
