import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { add, dim, exp, input, makeGraph, matmul, multiply, parameter, scope } from '../../src/dsl/index.js';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import type { Graph } from '../../src/graph/graph.js';
import { keptFiles } from '../../src/files/keptFiles.js';
import { storedFloats, type Weights } from '../../src/graph/weights.js';
import { observe } from '../../src/inspect/observer.js';
import { memoryGuard } from '../../src/targets/memoryGuard.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { keepModels, prepareModel } from '../../src/targets/onnx/preparedModel.js';
import { floatTensor } from '../../src/targets/target.js';
import { temporaryFolder } from '../support/temporary.js';

/** y = x·w + exp(b)·factor: b folds, w stays in its file. */
function graphOf(factor = 2, place = 'layer'): Graph {
  const x = input('x', 'f32', [dim('batch'), 2]);
  const w = parameter('w', [2, 2], { kind: 'zeros' });
  const b = parameter('b', [2], { kind: 'zeros' });
  const y = scope(place, () => add(matmul(x, w), multiply(exp(b), factor)));
  return makeGraph('g', [x], { y });
}

describe('prepared models', () => {
  const temporary = temporaryFolder();
  const kept = new Map<string, Uint8Array>();
  let [reads, writes] = [0, 0];
  const store = {
    read: (key: string) => {
      reads++;
      return kept.get(key);
    },
    write: (key: string, bytes: Uint8Array) => {
      writes++;
      kept.set(key, bytes);
    },
  };

  /** Weights that small are never kept. */
  const files = keptFiles(temporary('weights'), 0);

  const weightsWith = (b: readonly number[], w = [1, 2, 3, 4], more: Weights = new Map()): Weights => {
    const tensors: Weights = new Map([
      ...more,
      ['b', storedFloats([2], Float32Array.from(b))],
      ['w', storedFloats([2, 2], Float32Array.from(w))],
    ]);
    const path = temporary('weights.safetensors');
    writeFileSync(path, Buffer.concat([...serializeSafetensors(tensors)]));
    return openSafetensors(path).tensors;
  };

  const fresh = async (graph: Graph, weights: Weights) => {
    keepModels(undefined);
    const prepared = await prepareModel(graph, { weights });
    keepModels({ store, files, program: 'p' });
    return prepared;
  };

  const run = async (weights: Weights): Promise<readonly number[]> => {
    const executable = await onnxTarget({ threads: 1 }).compile(graphOf(), { weights });
    const { y } = await executable.run({ x: floatTensor([1, 2], [10, 100]) });
    const values = Array.from((await y!.read()).data);
    await executable.dispose();
    return values;
  };

  beforeEach(() => {
    kept.clear();
    [reads, writes] = [0, 0];
    keepModels({ store, files, program: 'p' });
  });
  after(() => keepModels(undefined));

  it('are taken from where they were kept, byte for byte', async () => {
    const weights = weightsWith([0, 1]);
    const first = await prepareModel(graphOf(), { weights });
    expect([reads, writes]).to.deep.equal([1, 1]);
    const second = await prepareModel(graphOf(), { weights });
    expect([reads, writes]).to.deep.equal([2, 1]);
    for (const prepared of [first, second]) {
      const { bytes, needs, weightsFolder } = await fresh(graphOf(), weights);
      expect(Buffer.from(prepared.bytes).equals(bytes)).to.equal(true);
      expect(JSON.stringify(prepared.needs)).to.equal(JSON.stringify(needs));
      expect(prepared.weightsFolder).to.equal(weightsFolder);
    }
  });

  it('draw on the weights as they are, whether these became constants or not', async () => {
    const weights = weightsWith([0, 0]);
    // Used again it is kept as the runtime optimised it, too.
    for (const kept of [1, 2, 2]) {
      expect(await run(weights)).to.deep.equal([312, 422]);
      expect(writes).to.equal(kept);
    }
    // The constants are computed anew for other weights in the same place.
    const after = await run(weightsWith([0, Math.fround(Math.log(2))]));
    expect(after[0]).to.equal(312);
    expect(after[1]).to.be.closeTo(424, 1e-4);
    expect(writes).to.equal(3);
    // The others are read from their file.
    expect(await run(weightsWith([0, 0], [0, 0, 0, 1]))).to.deep.equal([2, 102]);
  });

  it('are others where the graph, the place of a weight, the way of lowering or the program differs', async () => {
    const weights = weightsWith([0, 1]);
    await prepareModel(graphOf(), { weights });
    await prepareModel(graphOf(3), { weights });
    await prepareModel(graphOf(2, 'other'), { weights });
    await prepareModel(graphOf(), { weights, lowering: { standardOnly: true } });
    keepModels({ store, files, program: 'q' });
    await prepareModel(graphOf(), { weights });
    keepModels({ store, files, program: 'p' });
    const moved = weightsWith([0, 1], [1, 2, 3, 4], new Map([['a', storedFloats([3], new Float32Array(3))]]));
    await prepareModel(graphOf(), { weights: moved });
    expect([writes, kept.size]).to.deep.equal([6, 6]);
    for (const [graph, given] of [
      [graphOf(3), weightsWith([0, 1])],
      [graphOf(), weightsWith([0, 1])],
    ] as const)
      expect(Buffer.from((await prepareModel(graph, { weights: given })).bytes)).to.deep.equal(
        Buffer.from((await fresh(graph, given)).bytes),
      );
    expect(writes).to.equal(6);
  });

  it('that are no such thing are passed over', async () => {
    const weights = weightsWith([0, 1]);
    const { bytes } = await prepareModel(graphOf(), { weights });
    const [key, whole] = [...kept][0]!;
    for (const odd of [
      new Uint8Array(0),
      new Uint8Array(9),
      whole.subarray(0, 20),
      Buffer.from('\x02\0\0\0{}'),
    ]) {
      kept.set(key, odd);
      expect(Buffer.from((await prepareModel(graphOf(), { weights })).bytes)).to.deep.equal(
        Buffer.from(bytes),
      );
    }
    expect(writes).to.equal(5);
  });

  it('are neither kept nor taken where weights lie in memory or somebody watches the compiler', async () => {
    const weights = weightsWith([0, 1]);
    const inMemory = ['b', storedFloats([2], new Float32Array(2))] as const;
    await prepareModel(graphOf(), { weights: new Map([...weights, inMemory]) });
    const passes: string[] = [];
    await prepareModel(graphOf(), { weights, onPass: (name) => passes.push(name) });
    const end = observe({ onCompile: () => (name) => void passes.push(name) });
    await prepareModel(graphOf(), { weights });
    end();
    expect([reads, writes]).to.deep.equal([0, 0]);
    expect(passes.filter((name) => name === 'build')).to.have.length(2);
  });

  it('of sizes beyond the memory are refused in the same words', async () => {
    const weights = weightsWith([0, 1]);
    const refusal = async () => {
      const { needs } = await prepareModel(graphOf(), { weights });
      try {
        memoryGuard(needs, 2 ** 30)({ batch: 2 ** 28 });
      } catch (error) {
        return (error as Error).message;
      }
      return 'fits';
    };
    const messages = [await refusal(), await refusal()];
    expect(messages[0]).to.match(/^not enough memory: 'matmul' in layer needs 4\.0 GB of the 1\.0 GB here/);
    expect(messages[1]).to.equal(messages[0]);
  });
});
