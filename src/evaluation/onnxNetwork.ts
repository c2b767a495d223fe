import { createHash } from 'node:crypto';
import { cropForTokens } from '../data/image.js';
import { InputError, quotable } from '../errors.js';
import { readSmallFile } from '../files/fileRange.js';
import { requireFinite } from '../targets/finite.js';
import { loadOnnxRuntime } from '../targets/onnx/onnxRuntime.js';
import { imageSignal } from '../tokenizers/pixelSignal.js';
import type { FeatureNetwork } from './featureNetwork.js';

/** CLIP's larger networks have more than a gigabyte. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;
/** Side where the network takes any. */
const DEFAULT_SIDE = 224;

/**
 * Any network in an ONNX file that takes pictures `[images, 3, height, width]` in [−1, 1] and gives a row of numbers for
 * each. Pictures are cut to their middle square and brought to the network's size, 224×224 where it takes any.
 * @throws InputError naming the file when it is no such network.
 */
export async function onnxNetwork(path: string): Promise<FeatureNetwork> {
  const bytes = readSmallFile(path, MAX_MODEL_BYTES, 'a network');
  const ort = loadOnnxRuntime();
  const refuse = (reason: string, cause?: unknown): never => {
    throw new InputError(`${path}: not a usable network: ${reason}`, cause);
  };
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['cpu'] }).catch(
    (error: Error) => refuse(quotable(error.message.split('\n')[0]!), error),
  );
  const [input, ...others] = session.inputMetadata;
  if (!input?.isTensor || others.length > 0) return refuse('it must take one tensor, the pictures');
  const [, channels, height, width] = input.shape;
  if (
    input.type !== 'float32' ||
    input.shape.length !== 4 ||
    (typeof channels === 'number' && channels !== 3)
  )
    return refuse('it must take float32 pictures [images, 3, height, width]');
  if (typeof height === 'number' && typeof width === 'number' && height !== width)
    return refuse('it must take square pictures');
  const side = typeof height === 'number' ? height : typeof width === 'number' ? width : DEFAULT_SIDE;
  const name = session.outputNames[0]!;
  return {
    name: 'onnx',
    digest: createHash('sha256').update(bytes).digest('hex'),
    async extract(images) {
      const cut = await Promise.all(
        images.map(async (image) => (await cropForTokens(image, 'center', side, 1))[0]!),
      );
      const { data, shape } = imageSignal(cut);
      const given = new ort.Tensor('float32', data as Float32Array, [...shape]);
      const { [name]: found } = await session
        .run({ [session.inputNames[0]!]: given }, [name])
        .catch((error: Error) => refuse(quotable(error.message.split('\n')[0]!), error));
      const values = found!.data;
      if (!(values instanceof Float32Array) || values.length % images.length !== 0 || values.length === 0)
        return refuse(`its output '${quotable(name)}' is no row of float32 for each picture`);
      requireFinite(values, `the features of ${path}`);
      return {
        pool: {
          count: images.length,
          width: values.length / images.length,
          values: Float32Array.from(values),
        },
      };
    },
    dispose: () => session.release(),
  };
}
