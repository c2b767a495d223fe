import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import sharp from 'sharp';
import { arpgStep } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import { pickle, pickledTensor } from '../../src/checkpoints/pickleProgram.js';
import { serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { serializePytorch } from '../../src/checkpoints/writePytorch.js';
import { encodeNpyBytes } from '../../src/data/npy.js';
import { encodePngWithAlpha } from '../../src/data/image.js';
import { countElements } from '../../src/graph/dimension.js';
import { type Graph, parametersOf } from '../../src/graph/graph.js';
import { graphToJson } from '../../src/graph/serialize.js';
import { storedFloats, type Weights } from '../../src/graph/weights.js';
import { encodeOnnxModel, ONNX_DATA_TYPES } from '../../src/targets/onnx/onnxSchema.js';
import { vqFields, vqConfig } from '../support/vq.js';
import { pattern, samplePngs } from '../support/pngs.js';
import { zipOf } from './zipMutators.js';

interface ModelSeed {
  readonly config: Uint8Array;
  readonly weights: Uint8Array;
}

/** Small files of every kind that is read. */
export interface Seeds {
  readonly generator: ModelSeed;
  readonly tokenizer: ModelSeed;
  readonly safetensors: Uint8Array;
  readonly pytorch: Uint8Array;
  readonly checkpoints: readonly Uint8Array[];
  readonly pickles: readonly Uint8Array[];
  readonly pngs: readonly Uint8Array[];
  readonly jpegs: readonly Uint8Array[];
  readonly webps: readonly Uint8Array[];
  /** Pictures that can be read as masks in one way only. */
  readonly masks: readonly Uint8Array[];
  readonly streams: readonly Uint8Array[];
  readonly npys: readonly Uint8Array[];
  readonly npzs: readonly Uint8Array[];
  readonly idx: { readonly images: Uint8Array; readonly labels: Uint8Array };
  readonly labels: readonly Uint8Array[];
  readonly order: Uint8Array;
  readonly graph: Uint8Array;
  readonly tokenLines: Uint8Array;
  readonly tokenCache: Uint8Array;
  readonly checkpointState: Uint8Array;
  readonly log: Uint8Array;
  readonly listing: Uint8Array;
  /** What pictures say of how they were drawn, and lines that ask for pictures. */
  readonly record: Uint8Array;
  readonly job: Uint8Array;
  readonly onnx: Uint8Array;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => encode(JSON.stringify(value));

const GENERATOR = {
  dim: 16,
  n_layer: 2,
  n_head: 2,
  multiple_of: 8,
  vocab_size: 8,
  num_classes: 3,
  block_size: 4,
};
const TOKENIZER = {
  codebook_size: 8,
  codebook_embed_dim: 4,
  ch: 32,
  ch_mult: [1],
  z_channels: 32,
  num_res_blocks: 1,
  image_size: 8,
};

/** Small numbers for every parameter of the graphs. */
function weightsFor(graphs: readonly Graph[]): Weights {
  return new Map(
    graphs.flatMap(parametersOf).map((node) => {
      const shape = node.outputs[0]!.shape as readonly number[];
      return [node.name, storedFloats(shape, new Float32Array(countElements(shape)).fill(0.01))];
    }),
  );
}

const joined = (chunks: Iterable<Uint8Array>) => Buffer.concat([...chunks]);

function modelSeed(architecture: string, config: object, weights: Weights): ModelSeed {
  return {
    config: json({ format_version: 2, architecture, config }),
    weights: joined(serializeSafetensors(weights)),
  };
}

function integers(shape: readonly number[], values: readonly number[]): Weights {
  const data = Int32Array.from(values);
  return new Map([['x', { dtype: 'i32', shape, read: () => new Uint8Array(data.buffer) }]]);
}

const floats = (...values: readonly number[]) => {
  const data = Float32Array.from(values);
  return new Uint8Array(data.buffer);
};

/** Checkpoints with what people's have: views, parameters, other values beside the tensors. */
function checkpointSeeds(): {
  readonly files: readonly Uint8Array[];
  readonly pickles: readonly Uint8Array[];
} {
  const tensor = (shape: readonly number[], strides: readonly number[]) =>
    pickledTensor({ storage: '0', elements: 6, shape, strides });
  const namespace = pickle.call(pickle.global('argparse', 'Namespace'));
  const programs = [
    pickle.dict({ model: pickle.dict({ a: tensor([2, 3], [3, 1]), b: tensor([3, 2], [1, 3]) }) }),
    pickle.dict({
      epoch: pickle.int(3),
      args: namespace,
      state_dict: pickle.dict({ 'module.a': tensor([6], [1]), 'module.b': tensor([], []) }),
    }),
  ].map((value) => pickle.program(value));
  const files = programs.map((program) =>
    zipOf([
      { name: 'archive/data.pkl', data: program, deflated: false },
      { name: 'archive/data/0', data: floats(1, 2, 3, 4, 5, 6), deflated: false },
      { name: 'archive/version', data: encode('3\n'), deflated: false },
    ]),
  );
  return { files, pickles: programs };
}

function npySeeds(): { readonly images: Buffer; readonly labels: Buffer } {
  const images = Buffer.from(encodeNpyBytes([4, 6, 5, 3], [pattern(5, 24, 3)]));
  return { images, labels: Buffer.from(encodeNpyBytes([4], [Uint8Array.of(0, 1, 2, 1)])) };
}

function idx(magic: number, sizes: readonly number[], data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 * (1 + sizes.length));
  for (const [index, value] of [magic, ...sizes].entries()) header.writeUInt32BE(value, 4 * index);
  return Buffer.concat([header, data]);
}

function onnxSeed(): Uint8Array {
  return encodeOnnxModel({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    producerName: 'test',
    producerVersion: '1',
    metadataProps: [],
    graph: {
      name: 'network',
      node: [
        { name: 'c', opType: 'Conv', domain: '', input: ['image', 'w'], output: ['c'], attribute: [] },
        { name: 'r', opType: 'Relu', domain: '', input: ['c'], output: ['r'], attribute: [] },
      ],
      initializer: [
        { name: 'w', dims: [2, 3, 1, 1], dataType: ONNX_DATA_TYPES.float, rawData: floats(1, 2, 3, 4, 5, 6) },
      ],
      input: [{ name: 'image', type: { tensorType: { elemType: 1, shape: { dim: [] } } } }],
      output: [{ name: 'r', type: { tensorType: { elemType: 1, shape: { dim: [] } } } }],
    },
  } as unknown as Parameters<typeof encodeOnnxModel>[0]);
}

/** Makes them all. */
export async function makeSeeds(): Promise<Seeds> {
  const generatorWeights = weightsFor([arpgStep(arpgConfig(arpgFields(GENERATOR, 'seed')))]);
  const vq = vqConfig(vqFields(TOKENIZER, 'seed'));
  const tokenizerWeights = weightsFor([vqEncoder(vq), vqDecoder(vq)]);
  const raw = { width: 20, height: 12, channels: 3 } as const;
  const photo = () => sharp(pattern(20, 12, 3), { raw });
  const pngs = [
    ...(await samplePngs(9, 7)).values(),
    encodePngWithAlpha({ width: 9, height: 7, data: pattern(9, 7, 4) }),
    await photo().withMetadata({ orientation: 6 }).png().toBuffer(),
  ];
  const jpegs = [
    await photo().jpeg().toBuffer(),
    await photo().jpeg({ progressive: true }).toBuffer(),
    await photo().greyscale().jpeg().toBuffer(),
    await photo().withMetadata({ orientation: 6, icc: 'p3' }).jpeg().toBuffer(),
  ];
  const webps = [
    await photo().webp().toBuffer(),
    await photo().webp({ lossless: true }).toBuffer(),
    await photo().ensureAlpha(0.5).withMetadata({ orientation: 6 }).webp().toBuffer(),
  ];
  const lines = pngs.slice(0, 2).map((png) => JSON.stringify({ image: Buffer.from(png).toString('base64') }));
  const { images, labels } = npySeeds();
  const { files, pickles } = checkpointSeeds();
  const npz = (deflated: boolean) =>
    zipOf([
      { name: 'images.npy', data: images, deflated },
      { name: 'labels.npy', data: labels, deflated },
    ]);
  return {
    generator: modelSeed('arpg', GENERATOR, generatorWeights),
    tokenizer: modelSeed('vq', TOKENIZER, tokenizerWeights),
    safetensors: joined(serializeSafetensors(integers([2, 2], [1, 2, 3, 4]), { note: 'x' })),
    pytorch: await buffer(Readable.from(serializePytorch(generatorWeights))),
    checkpoints: files,
    pickles,
    pngs,
    jpegs,
    webps,
    masks: [...pngs.slice(0, 5), ...webps.slice(0, 2)],
    streams: [Buffer.concat(pngs.slice(0, 2)), jpegs[0]!, webps[0]!, encode(lines.join('\n'))],
    npys: [images, labels],
    npzs: [npz(false), npz(true)],
    idx: {
      images: idx(0x803, [4, 6, 5], pattern(5, 24, 1)),
      labels: idx(0x801, [4], Uint8Array.of(0, 1, 2, 1)),
    },
    labels: [json(['cat', 'dog', 'fish']), json({ 0: 'cat', 1: 'dog', 2: 'fish' })],
    order: json([3, 1, 0, 2]),
    graph: json(graphToJson(arpgStep(arpgConfig(arpgFields(GENERATOR, 'seed'))))),
    tokenLines: encode(
      [
        { tokens: [1, 2, 3, 0], grid: [2, 2], class_id: 1, source: 'a.png' },
        { tokens: [4, 5, 6, 7], grid: [2, 2], class_id: 0, source: 'b.png' },
      ]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    ),
    tokenCache: joined(
      serializeSafetensors(
        new Map([
          ['class_ids', integers([2], [0, 1]).get('x')!],
          ['tokens', integers([2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 0]).get('x')!],
        ]),
      ),
    ),
    checkpointState: joined(
      serializeSafetensors(new Map([['parameter.a', storedFloats([3], Float32Array.of(1, 2, 3))]]), {
        step: '1',
      }),
    ),
    log: encode(
      [
        { step: 1, loss: 2.5, seconds: 0.1 },
        { step: 2, loss: 2.25, validation_loss: 2.4 },
      ]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    ),
    record: json({
      ...{ format: 1, command: 'sample', version: '0.1.0', target: 'onnx', precision: 'fp32' },
      model: { name: 'digits', sha256: 'a'.repeat(64) },
      ...{ seed: 7, picture: 0, classes: [{ index: 3, name: 'three' }], columns: 1 },
      ...{ size: { width: 8, height: 8 }, rope: 'extend', scale: { factor: 2, filter: 'nearest' } },
      settings: { steps: 4, schedule: 'arccos', guidance: 4, order: [0, 1], 'top-k': 0 },
    }),
    job: json({ class: 3, seed: 7, steps: 4, order: 'raster', size: '8x8', output: 'a/b.png' }),
    listing: json([
      { type: 'file', path: 'config.json', size: 120, oid: 'a'.repeat(40) },
      { type: 'file', path: 'tokenizer/model.safetensors', size: 9, lfs: { oid: 'b'.repeat(64), size: 900 } },
      { type: 'directory', path: 'tokenizer', size: 0 },
    ]),
    onnx: onnxSeed(),
  };
}
