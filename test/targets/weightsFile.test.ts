import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { quantizeWeights } from '../../src/compiler/quantizeWeights.js';
import { dim, input, makeGraph, matmul, parameter } from '../../src/dsl/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { keptFiles } from '../../src/files/keptFiles.js';
import type { StoredTensor, Weights } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { keepModels } from '../../src/targets/onnx/preparedModel.js';
import { floatTensor } from '../../src/targets/target.js';
import { temporaryFolder } from '../support/temporary.js';

/** Of a matrix whose whole numbers are just large enough to be kept. */
const [INPUTS, OUTPUTS] = [2 ** 15, 2 ** 9];

/** y = x·wᵀ */
function graphOf(outputs = OUTPUTS): Graph {
  const x = input('x', 'f32', [dim('batch'), INPUTS]);
  const w = parameter('w', [outputs, INPUTS], { kind: 'zeros' });
  return makeGraph('g', [x], { y: matmul(x, w, { transposeRight: true }) });
}

/** Nothing of models is kept here, only of their weights. */
const store = { read: () => undefined, write: () => {} };

describe('weights in fewer bits between processes', () => {
  const temporary = temporaryFolder();

  /** Ones in half precision, but in one row another power of two. */
  const matrixOf = (value: number, row: number, outputs = OUTPUTS): StoredTensor => ({
    dtype: 'f16',
    shape: [outputs, INPUTS],
    read() {
      const halves = new Uint16Array(outputs * INPUTS).fill(0x3c00);
      halves.fill(0x3c00 + 0x400 * Math.log2(value), row * INPUTS, (row + 1) * INPUTS);
      return new Uint8Array(halves.buffer);
    },
  });
  const write = (tensor: StoredTensor, name = 'model.safetensors'): string => {
    const path = temporary(name);
    writeFileSync(path, Buffer.concat([...serializeSafetensors(new Map([['w', tensor]]))]));
    return path;
  };
  const weightsIn = (path: string, graph = graphOf()): Weights =>
    quantizeWeights([graph], openSafetensors(path).tensors, 'int8');

  /** The first outputs, in multiples of what a row of ones gives, to the nearest half. */
  const run = async (weights: Weights, graph = graphOf()): Promise<readonly number[]> => {
    const executable = await onnxTarget({ threads: 1 }).compile(graph, { weights });
    const { y } = await executable.run({ x: floatTensor([1, INPUTS], new Float32Array(INPUTS).fill(1)) });
    const { data } = await y!.read();
    await executable.dispose();
    return Array.from(data.slice(0, 3), (value) => Math.round((value * 2) / INPUTS) / 2);
  };

  const folder = temporary('weights');
  const kept = () => readdirSync(folder).map((name) => join(folder, name));
  const keepIn = (where: string, limit = 2 ** 30, program = 'p') =>
    keepModels({ store, files: keptFiles(where, limit), program });

  beforeEach(() => keepIn(folder));
  afterEach(() => keepModels(undefined));

  /** Weights that count how often whole numbers are computed. */
  const countReads = (weights: Weights): { readonly weights: Weights; readonly reads: () => number } => {
    let reads = 0;
    const counted = [...weights].map(([name, tensor]): [string, StoredTensor] => {
      const { quantized } = tensor;
      return [
        name,
        {
          ...tensor,
          ...(quantized && {
            quantized: {
              ...quantized,
              integers: () => {
                reads++;
                return quantized.integers();
              },
            },
          }),
        },
      ];
    });
    return { weights: new Map(counted), reads: () => reads };
  };

  it('are computed once, and drawn upon as they were computed', async () => {
    const path = write(matrixOf(2, 1));
    const first = countReads(weightsIn(path));
    expect(await run(first.weights)).to.deep.equal([1, 2, 1]);
    expect([first.reads(), kept().length]).to.deep.equal([1, 1]);
    const second = countReads(weightsIn(path));
    expect(await run(second.weights)).to.deep.equal([1, 2, 1]);
    expect([second.reads(), kept().length]).to.deep.equal([0, 1]);
  });

  it('are computed again where the model was written to, whatever its size and time of change', async () => {
    const path = write(matrixOf(2, 1));
    const then = new Date(2020, 1, 1);
    utimesSync(path, then, then);
    expect(await run(weightsIn(path))).to.deep.equal([1, 2, 1]);
    write(matrixOf(4, 0));
    utimesSync(path, then, then);
    expect(await run(weightsIn(path))).to.deep.equal([4, 1, 1]);
  });

  it('are others in another file, in other bits and of another program', async () => {
    const [path, other] = [write(matrixOf(2, 1)), write(matrixOf(4, 2), 'other.safetensors')];
    await run(weightsIn(path));
    const before = kept().length;
    expect(await run(weightsIn(other))).to.deep.equal([1, 1, 4]);
    expect(kept()).to.have.length(before + 1);
    keepIn(folder, 2 ** 30, 'q');
    expect(await run(weightsIn(path))).to.deep.equal([1, 2, 1]);
    expect(kept()).to.have.length(before + 2);
  });

  it('that were damaged are computed again', async () => {
    const path = write(matrixOf(2, 1));
    await run(weightsIn(path));
    for (const damage of [
      (file: string) => truncateSync(file, 2 ** 20),
      (file: string) => writeFileSync(file, new Uint8Array(readFileSync(file).length)),
    ]) {
      for (const file of kept()) damage(file);
      expect(await run(weightsIn(path))).to.deep.equal([1, 2, 1]);
    }
  });

  it('are used without being kept where they are few or no file may be written', async () => {
    const small = graphOf(4);
    const path = write(matrixOf(2, 1, 4), 'small.safetensors');
    const empty = temporary('empty');
    keepIn(empty);
    expect(await run(weightsIn(path, small), small)).to.deep.equal([1, 2, 1]);
    expect(() => readdirSync(empty)).to.throw('ENOENT');
    const large = write(matrixOf(2, 1));
    for (const [where, limit] of [
      ['/proc/arpg', 2 ** 30],
      [empty, 2 ** 20],
    ] as const) {
      keepIn(where, limit);
      expect(await run(weightsIn(large)), where).to.deep.equal([1, 2, 1]);
    }
    expect(() => readdirSync(empty)).to.throw('ENOENT');
  });
});
