import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { vqAutoencoder } from '../../graphs/vqTokenizer.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { dim } from '../../src/dsl/index.js';
import { InputError } from '../../src/errors.js';
import { makeGraph } from '../../src/graph/graph.js';
import { input } from '../../src/graph/sources.js';
import { readFloats } from '../../src/graph/weights.js';
import { readFeatureNetwork } from '../../src/targets/onnx/featureNetwork.js';
import {
  encodeOnnxModel,
  ONNX_ATTRIBUTE_TYPES,
  ONNX_DATA_TYPES,
  type OnnxModel,
  type OnnxNode,
} from '../../src/targets/onnx/onnxSchema.js';
import { loadOnnxRuntime } from '../../src/targets/onnx/onnxRuntime.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, isDeviceTensor } from '../../src/targets/target.js';
import { initialState } from '../../src/training/trainingState.js';
import { stateName, trainedParameters } from '../../src/training/stepNames.js';
import { ADAMW_DEFAULTS, trainingStep } from '../../src/training/trainingStep.js';
import { expectClose, floats } from '../support/conformance.js';
import { temporaryFolder } from '../support/temporary.js';

const target = onnxTarget({ threads: 2 });
const config = {
  codebookSize: 16,
  codebookDim: 4,
  channels: 32,
  channelMultipliers: [1, 1],
  residualBlocks: 1,
  latentChannels: 32,
  imageSize: 16,
};
const losses = { reconstruction: 'l2', commitment: 0.25, entropy: 0, rate: 0 } as const;

type Ints = readonly number[];

function node(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Record<string, number | Ints> = {},
): OnnxNode {
  return {
    name: output,
    opType,
    domain: '',
    input: inputs,
    output: [output],
    attribute: Object.entries(attributes).map(([name, value]) =>
      typeof value === 'number'
        ? opType === 'LeakyRelu' || name === 'epsilon'
          ? { name, type: ONNX_ATTRIBUTE_TYPES.float, f: value }
          : { name, type: ONNX_ATTRIBUTE_TYPES.int, i: value }
        : { name, type: ONNX_ATTRIBUTE_TYPES.ints, ints: value },
    ),
  };
}

/** A network with everything that feature networks are made of, and two outputs. */
function featureModel(extra: readonly OnnxNode[] = []): OnnxModel {
  const tensor = (name: string, { shape, data }: HostTensor) => ({
    name,
    dims: shape,
    dataType: ONNX_DATA_TYPES.float,
    rawData: new Uint8Array(Float32Array.from(data).buffer),
  });
  const symbolic = (name: string, channels: number) => ({
    name,
    type: {
      tensorType: {
        elemType: ONNX_DATA_TYPES.float,
        shape: {
          dim: [
            { dimParam: 'batch' },
            { dimValue: channels },
            { dimParam: `h-${name}` },
            { dimParam: `w-${name}` },
          ],
        },
      },
    },
  });
  const positive = floats([8], 6);
  return {
    irVersion: 9,
    producerName: 'test',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'features',
      node: [
        node('Sub', ['image', 'shift'], 'shifted'),
        node('Div', ['shifted', 'scale'], 'scaled'),
        node('Conv', ['scaled', 'weight1', 'bias1'], 'conv1', { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
        node('Relu', ['conv1'], 'relu1'),
        node('MaxPool', ['relu1'], 'pool1', { kernel_shape: [2, 2], strides: [2, 2] }),
        node('Conv', ['pool1', 'weight2'], 'conv2', {
          strides: [2, 2],
          pads: [0, 0, 1, 1],
          kernel_shape: [3, 3],
        }),
        node('BatchNormalization', ['conv2', 'bnScale', 'bnShift', 'bnMean', 'bnVariance'], 'norm', {
          epsilon: 1e-3,
        }),
        node('LeakyRelu', ['norm'], 'leaky', { alpha: 0.2 }),
        node('AveragePool', ['leaky'], 'pool2', { kernel_shape: [2, 2], strides: [2, 2] }),
        node('Sigmoid', ['pool2'], 'sigmoid'),
        ...extra,
      ],
      initializer: [
        tensor('shift', floats([1, 3, 1, 1], 1)),
        tensor('scale', floatTensor([1, 3, 1, 1], [0.5, 0.7, 2])),
        tensor('weight1', floats([4, 3, 3, 3], 2)),
        tensor('bias1', floats([4], 3)),
        tensor('weight2', floats([8, 4, 3, 3], 4)),
        tensor('bnScale', floats([8], 5)),
        tensor('bnShift', floats([8], 7)),
        tensor('bnMean', floats([8], 8)),
        tensor(
          'bnVariance',
          floatTensor(
            [8],
            Array.from(positive.data, (value) => value * value + 0.1),
          ),
        ),
      ],
      input: [symbolic('image', 3)],
      output: [symbolic('relu1', 4), symbolic('sigmoid', 8)],
    },
  };
}

describe('feature networks from ONNX', () => {
  const temporary = temporaryFolder();
  const image = floats([2, 3, 16, 16], 11);

  it('give what onnxruntime gives for the same file, on every kind of operator', async () => {
    const path = temporary('features.onnx');
    writeFileSync(path, encodeOnnxModel(featureModel()));
    const ort = loadOnnxRuntime();
    const session = await ort.InferenceSession.create(path);
    const expected = await session.run({
      image: new ort.Tensor('float32', image.data as Float32Array, image.shape),
    });
    const x = input('image', 'f32', [dim('batch'), 3, 16, 16]);
    const [first, second] = readFeatureNetwork(path)(x);
    const graph = makeGraph('features', [x], { relu1: first!, sigmoid: second! });
    for (const each of [referenceTarget, target]) {
      const outputs = await (await each.compile(graph)).run({ image });
      for (const name of ['relu1', 'sigmoid']) {
        const { dims, data } = expected[name]!;
        expectClose(await outputs[name]!.read(), floatTensor(dims, data as Float32Array), 1e-4, name);
      }
    }
  });

  it('name what they cannot use', () => {
    const x = input('image', 'f32', [dim('batch'), 3, 16, 16]);
    const path = temporary('softmax.onnx');
    writeFileSync(path, encodeOnnxModel(featureModel([node('Softmax', ['sigmoid'], 'classes')])));
    expect(() => readFeatureNetwork(path)(x)).to.throw(
      InputError,
      `${path}: not usable as a feature network: operator Softmax`,
    );
    writeFileSync(temporary('text.onnx'), 'not a model');
    expect(() => readFeatureNetwork(temporary('text.onnx'))(x)).to.throw(InputError, 'text.onnx');
    expect(() => readFeatureNetwork(temporary('none.onnx'))(x)).to.throw(InputError, 'no such file');
  });

  it('the perceptual loss is zero for equal images alone, and its gradient reaches the tokenizer', async () => {
    const path = temporary('again.onnx');
    writeFileSync(path, encodeOnnxModel(featureModel()));
    const perceptual = { features: readFeatureNetwork(path), weight: 2 };
    const graph = vqAutoencoder(config, { ...losses, perceptual });
    const weights = await randomWeights(graph);
    const outputs = await (
      await target.compile(withGradients(graph, 'perceptual_loss', ['encoder.conv_in.weight']), { weights })
    ).run({ image });
    expect((await outputs.perceptual_loss!.read()).data[0]!).to.be.greaterThan(0.01);
    const gradient = await outputs['gradient.encoder.conv_in.weight']!.read();
    expect(Math.max(...gradient.data.map(Math.abs))).to.be.greaterThan(0);
  });
});

/** Weights as a training would start with. */
async function randomWeights(graph: ReturnType<typeof vqAutoencoder>) {
  const state = initialState(graph, trainingStep(graph), ADAMW_DEFAULTS, 4);
  const entries = trainedParameters(graph).map(({ name }) => {
    const tensor = state[stateName('parameter', name)]!;
    if (isDeviceTensor(tensor)) throw new TypeError('the initial state lies in memory');
    const { shape, data } = tensor;
    const values = Float32Array.from(data);
    return [name, { dtype: 'f32', shape, read: () => new Uint8Array(values.buffer) }] as const;
  });
  return new Map(entries);
}

describe('adversarial losses', () => {
  it('the discriminator learns from its own loss alone, the tokenizer from the other alone', async () => {
    const graph = vqAutoencoder(config, { ...losses, adversarial: true });
    const weights = await randomWeights(graph);
    expect(readFloats(weights.get('discriminator.head.weight')!).some((value) => value !== 0)).to.equal(true);
    const names = [
      'discriminator.layers.0.conv.weight',
      'discriminator.head.weight',
      'decoder.conv_out.weight',
    ];
    const gradients = async (lossName: string, weight: number) => {
      const executable = await target.compile(withGradients(graph, lossName, names), { weights });
      const outputs = await executable.run({
        image: floats([2, 3, 16, 16], 5, 1),
        adversarial_weight: floatTensor([], [weight]),
      });
      const found = await Promise.all(names.map((name) => outputs[`gradient.${name}`]!.read()));
      await executable.dispose();
      return found.map(({ data }) => Array.from(data));
    };
    const isZero = (values: readonly number[]) => values.every((value) => value === 0);
    const discriminator = await gradients('discriminator_loss', 1);
    expect(discriminator.map(isZero)).to.deep.equal([false, false, true]);
    const tokenizer = await gradients('adversarial_loss', 1);
    expect(tokenizer.map(isZero)).to.deep.equal([true, true, false]);
    const [off, on] = [await gradients('loss', 0), await gradients('loss', 3)];
    expect(on[0]).to.deep.equal(off[0]);
    expect(on[2]).to.not.deep.equal(off[2]);
  });
});

describe('the rate loss', () => {
  it("is the entropy of the codes' soft use, and its gradient reaches the encoder", async () => {
    const graph = vqAutoencoder(config, { ...losses, rate: 0.5 });
    const weights = await randomWeights(graph);
    const executable = await target.compile(withGradients(graph, 'rate_loss', ['encoder.conv_in.weight']), {
      weights,
    });
    const outputs = await executable.run({ image: floats([2, 3, 16, 16], 5, 1) });
    // Counted again by hand, from the latents and the codebook.
    const latents = (await outputs.latents!.read()).data;
    const codes = readFloats(weights.get('quantize.embedding.weight')!);
    const { codebookDim, codebookSize } = config;
    const row = (values: ArrayLike<number>, index: number) =>
      Array.from({ length: codebookDim }, (_, axis) => values[index * codebookDim + axis]!);
    const unit = (vector: readonly number[]) => vector.map((value) => value / Math.hypot(...vector));
    const use = new Array<number>(codebookSize).fill(0);
    const count = latents.length / codebookDim;
    for (let latent = 0; latent < count; latent++) {
      const own = unit(row(latents, latent));
      const weightsOf = use.map((_, code) => {
        const product = unit(row(codes, code)).reduce((sum, value, axis) => sum + value * own[axis]!, 0);
        return Math.exp((2 * product - 2) / 0.01);
      });
      const total = weightsOf.reduce((sum, value) => sum + value, 0);
      for (const [code, value] of weightsOf.entries()) use[code]! += value / total / count;
    }
    const entropy = -use.reduce((sum, share) => sum + share * Math.log(share + 1e-5), 0);
    expect(entropy).to.be.greaterThan(0.1);
    expect((await outputs.rate_loss!.read()).data[0]!).to.be.closeTo(0.5 * entropy, 1e-3);
    const gradient = await outputs['gradient.encoder.conv_in.weight']!.read();
    expect(Math.max(...gradient.data.map(Math.abs))).to.be.greaterThan(0);
    await executable.dispose();
  });
});
