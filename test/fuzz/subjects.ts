import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { input } from '../../src/dsl/index.js';
import { readOrder } from '../../src/sampling/orderFile.js';
import { parseLabels } from '../../src/conditions/labels.js';
import { importGenerator } from '../../src/models/importCheckpoint.js';
import { openGenerator, openTokenizer } from '../../src/models/modelFolder.js';
import { openPytorch } from '../../src/checkpoints/pytorch.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { OpaqueObject, PickleError } from '../../src/checkpoints/pickleValues.js';
import { unpickle } from '../../src/checkpoints/unpickle.js';
import { decodeRgba, encodePng } from '../../src/data/image.js';
import { openImageSource } from '../../src/data/imageSource.js';
import { splitPictures } from '../../src/data/imageStream.js';
import { withPngTexts } from '../../src/data/pngText.js';
import { parseNpy } from '../../src/data/npy.js';
import { codesOfLine, parseTokenLines } from '../../src/data/tokenLines.js';
import { openTokenSet } from '../../src/data/tokenSource.js';
import { parseListing } from '../../src/download/hub.js';
import { maskOf } from '../../src/editing/mask.js';
import { GraphError } from '../../src/graph/graphError.js';
import { graphFromJson } from '../../src/graph/serialize.js';
import { readJsonFile } from '../../src/jsonFile.js';
import { parseJob } from '../../src/library/jobLines.js';
import { readSampleRecord } from '../../src/library/pictureRecord.js';
import { readFeatureNetwork } from '../../src/targets/onnx/featureNetwork.js';
import { readCheckpoint } from '../../src/training/runFolder.js';
import { readLog } from '../../src/training/runLog.js';
import { readTokenCache } from '../../src/training/tokenCache.js';
import {
  mutateIdx,
  mutateJpeg,
  mutateNpy,
  mutatePickle,
  mutatePng,
  mutateSafetensors,
  mutateWebp,
} from './binaryMutators.js';
import type { Subject } from './harness.js';
import { informed, mutateBytes, type Mutator } from './mutators.js';
import type { Seeds } from './seeds.js';
import { mutateJson, mutateLines } from './textMutators.js';
import { mutateZip } from './zipMutators.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A picture that says how it was drawn. */
const pictureSaying = (record: string) =>
  withPngTexts(encodePng({ width: 2, height: 2, data: new Uint8Array(12) }), [
    { keyword: 'arpg', text: record },
  ]);

/** Chooses the mutator by the input's first bytes. */
const mutatePicture: Mutator = (picture, random) => {
  if (picture[0] === 0x89) return mutatePng(picture, random);
  return picture[0] === 0xff ? mutateJpeg(picture, random) : mutateWebp(picture, random);
};

const innerOfCheckpoint = (name: string): Mutator =>
  name.endsWith('.pkl') ? informed(mutatePickle) : mutateBytes;
const innerOfArrays = (): Mutator => informed(mutateNpy);

/** All readers, each on files in a folder of its own. */
export function subjects(seeds: Seeds, folder: string): readonly Subject[] {
  /** Writes the input under a name and gives its path. */
  const asFile = (name: string) => {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    return (bytes: Uint8Array) => {
      writeFileSync(path, bytes);
      return path;
    };
  };
  const file = {
    safetensors: asFile('safetensors/model.safetensors'),
    pt: asFile('pt/model.pt'),
    npz: asFile('npz/data.npz'),
    json: asFile('json/file.json'),
    tokens: asFile('tokens/tokens.jsonl'),
    onnx: asFile('onnx/network.onnx'),
    idxImages: asFile('idx/train-images-idx3-ubyte'),
    idxLabels: asFile('idx/train-labels-idx1-ubyte'),
    log: asFile('run/log.jsonl'),
    cache: asFile('run/tokens.safetensors'),
    state: asFile('run/checkpoints/step-00000001/state.safetensors'),
    latest: asFile('run/latest'),
    generatorConfig: asFile('generator/config.json'),
    generatorWeights: asFile('generator/model.safetensors'),
    tokenizerConfig: asFile('tokenizer/config.json'),
    tokenizerWeights: asFile('tokenizer/model.safetensors'),
    importConfig: asFile('import/config.json'),
    importWeights: asFile('import/model.pt'),
  };
  file.latest(new TextEncoder().encode('step-00000001\n'));
  file.generatorWeights(seeds.generator.weights);
  file.tokenizerWeights(seeds.tokenizer.weights);
  const importConfig = file.importConfig(seeds.generator.config);
  const pickleOptions = {
    call: (name: string) => new OpaqueObject(name),
    resolvePersistent: () => new OpaqueObject('storage'),
  };
  const readAll = (tensors: ReadonlyMap<string, { readonly read: () => Uint8Array }>) => {
    for (const tensor of tensors.values()) tensor.read();
  };
  const readSource = async (path: string) => {
    const source = await openImageSource(path);
    for (let index = 0; index < Math.min(source.count, 4); index++) {
      source.classOf(index);
      await source.image(index);
    }
  };
  const json = informed(mutateJson);
  return [
    {
      name: 'safetensors',
      inputs: [seeds.generator.weights, seeds.safetensors],
      mutate: informed(mutateSafetensors),
      read: (bytes) => readAll(openSafetensors(file.safetensors(bytes)).tensors),
    },
    {
      name: 'pt',
      inputs: seeds.checkpoints,
      mutate: informed(mutateZip(innerOfCheckpoint)),
      read: async (bytes) => openPytorch(file.pt(bytes)),
    },
    {
      name: 'import',
      inputs: [seeds.pytorch],
      mutate: informed(mutateZip(innerOfCheckpoint)),
      read: async (bytes) => {
        const { weights } = await importGenerator(file.importWeights(bytes), importConfig);
        readAll(weights);
      },
    },
    {
      name: 'pickle',
      inputs: seeds.pickles,
      mutate: informed(mutatePickle),
      read: (bytes) => unpickle(bytes, pickleOptions),
      typed: (error) => error instanceof PickleError,
    },
    {
      name: 'png',
      inputs: seeds.pngs,
      mutate: informed(mutatePng),
      read: (bytes) => decodeRgba(bytes, 'picture.png'),
    },
    {
      name: 'jpeg',
      inputs: seeds.jpegs,
      mutate: informed(mutateJpeg),
      read: (bytes) => decodeRgba(bytes, 'picture.jpg'),
    },
    {
      name: 'webp',
      inputs: seeds.webps,
      mutate: informed(mutateWebp),
      read: (bytes) => decodeRgba(bytes, 'picture.webp'),
    },
    {
      name: 'mask',
      inputs: seeds.masks,
      mutate: informed(mutatePicture),
      read: async (bytes) => maskOf(await decodeRgba(bytes, 'mask.png'), 'mask.png'),
    },
    {
      name: 'stream',
      inputs: seeds.streams,
      mutate: (bytes, random) =>
        bytes[0] === 0x7b ? informed(mutateLines)(bytes, random) : informed(mutatePicture)(bytes, random),
      read: async (bytes) => {
        for (const { bytes: own, source } of splitPictures(bytes, 'stdin')) await decodeRgba(own, source);
      },
    },
    {
      name: 'npy',
      inputs: seeds.npys,
      mutate: informed(mutateNpy),
      read: (bytes) => parseNpy(bytes, 'array.npy'),
    },
    {
      name: 'npz',
      inputs: seeds.npzs,
      mutate: informed(mutateZip(innerOfArrays)),
      read: (bytes) => readSource(file.npz(bytes)),
    },
    {
      name: 'idx-images',
      inputs: [seeds.idx.images],
      mutate: informed(mutateIdx),
      read: (bytes) => {
        file.idxLabels(seeds.idx.labels);
        return readSource(join(file.idxImages(bytes), '..'));
      },
    },
    {
      name: 'idx-labels',
      inputs: [seeds.idx.labels],
      mutate: informed(mutateIdx),
      read: (bytes) => {
        file.idxImages(seeds.idx.images);
        return readSource(join(file.idxLabels(bytes), '..'));
      },
    },
    {
      name: 'generator-config',
      inputs: [seeds.generator.config],
      mutate: json,
      read: (bytes) => openGenerator(join(file.generatorConfig(bytes), '..')),
    },
    {
      name: 'tokenizer-config',
      inputs: [seeds.tokenizer.config],
      mutate: json,
      read: (bytes) => openTokenizer(join(file.tokenizerConfig(bytes), '..')),
    },
    {
      name: 'labels',
      inputs: seeds.labels,
      mutate: json,
      read: (bytes) => parseLabels(readJsonFile(file.json(bytes)), 3, 'labels.json'),
    },
    {
      name: 'order',
      inputs: [seeds.order],
      mutate: json,
      read: (bytes) => readOrder(file.json(bytes), 4),
    },
    {
      name: 'graph',
      inputs: [seeds.graph],
      mutate: json,
      read: (bytes) => graphFromJson(readJsonFile(file.json(bytes))),
      typed: (error) => error instanceof GraphError,
    },
    {
      name: 'token-lines',
      inputs: [seeds.tokenLines],
      mutate: informed(mutateLines),
      read: (bytes) => {
        for (const line of parseTokenLines(text(bytes), 'tokens.jsonl')) codesOfLine(line, 'a line');
      },
    },
    {
      name: 'token-set',
      inputs: [seeds.tokenLines],
      mutate: informed(mutateLines),
      read: (bytes) => openTokenSet(file.tokens(bytes), { kind: 'indices', vocabulary: 8 }),
    },
    {
      name: 'token-cache',
      inputs: [seeds.tokenCache],
      mutate: informed(mutateSafetensors),
      read: (bytes) => readTokenCache(join(file.cache(bytes), '..'), { kind: 'indices' }),
    },
    {
      name: 'checkpoint',
      inputs: [seeds.checkpointState],
      mutate: informed(mutateSafetensors),
      read: (bytes) => {
        const run = join(file.state(bytes), '..', '..', '..');
        readAll(readCheckpoint(run)!.state);
      },
    },
    {
      name: 'log',
      inputs: [seeds.log],
      mutate: informed(mutateLines),
      read: (bytes) => readLog(join(file.log(bytes), '..')),
    },
    {
      name: 'hub-listing',
      inputs: [seeds.listing],
      mutate: json,
      read: (bytes) => parseListing(text(bytes), 'https://hub.example/owner/name'),
    },
    {
      name: 'picture-record',
      inputs: [seeds.record],
      mutate: json,
      read: (bytes) => readSampleRecord(pictureSaying(text(bytes)), 'picture.png'),
    },
    {
      name: 'picture-texts',
      inputs: [pictureSaying(text(seeds.record))],
      mutate: informed(mutatePng),
      read: (bytes) => readSampleRecord(bytes, 'picture.png'),
    },
    {
      name: 'job',
      inputs: [seeds.job],
      mutate: json,
      read: (bytes) => parseJob(text(bytes), 1, 'jobs.jsonl'),
    },
    {
      name: 'onnx',
      inputs: [seeds.onnx],
      mutate: mutateBytes,
      read: (bytes) => readFeatureNetwork(file.onnx(bytes))(input('image', 'f32', [1, 3, 8, 8])),
    },
  ];
}

/** The bytes of a file of the project. */
export function projectFile(path: string): Uint8Array {
  return readFileSync(new URL(`../../../${path}`, import.meta.url));
}
