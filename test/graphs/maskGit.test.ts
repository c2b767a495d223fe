import { expect } from 'chai';
import { type MaskGitConfig, maskGitStep, maskGitTeacherForced } from '../../graphs/maskGit.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { wordHalves } from '../../src/dsl/index.js';
import { countElements } from '../../src/graph/dimension.js';
import { type Graph, nodesOf, parametersOf } from '../../src/graph/graph.js';
import type { NdArray } from '../../src/graph/ndarray.js';
import { readFloats, storedFloats, type Weights } from '../../src/graph/weights.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { type HostTensor, intTensor, type Target } from '../../src/targets/target.js';
import { drawnWeights } from '../../src/training/trainingState.js';
import { expectClose, floats, ints, TESTED_TARGETS } from '../support/conformance.js';
import { runOnce } from '../support/golden/subject.js';
import { interpret } from '../support/interpret.js';

const plain: MaskGitConfig = {
  dim: 12,
  layers: 2,
  heads: 3,
  feedForwardHidden: 16,
  codes: 9,
  classes: 4,
  side: 4,
  registers: 1,
  patch: 1,
};

/** What networks of this kind may differ in. */
const CONFIGS: Readonly<Record<string, MaskGitConfig>> = {
  'one register': plain,
  'no registers': { ...plain, registers: 0 },
  'heads that do not divide the width': { ...plain, heads: 5, registers: 2 },
  'squares of tokens joined': { ...plain, heads: 5, registers: 2, patch: 2 },
};
/** The one that has something of all; of the plain one the reference set is replayed on each target. */
const MIXED = 'squares of tokens joined';

/** Weights that nothing is special about: norms and biases are not what they start from. */
function someWeights(graph: Graph): Weights {
  return new Map(
    parametersOf(graph).map(({ name, outputs: [tensor] }, index) => {
      const shape = tensor!.shape as readonly number[];
      return [name, storedFloats(shape, floats(shape, index + 1, 0.5).data as Float32Array)] as const;
    }),
  );
}

const BATCH = 3;

function trainingBatch({ codes, classes, side }: MaskGitConfig): Readonly<Record<string, HostTensor>> {
  return {
    tokens: ints([BATCH, side ** 2], codes, 1),
    masked_tokens: ints([BATCH, side ** 2], codes + 1, 2),
    class_ids: ints([BATCH], classes + 1, 3),
  };
}

const dropoutKey = (step: number): HostTensor => intTensor([4], wordHalves([7, step]));

describe('MaskGIT', () => {
  for (const [name, config] of Object.entries(CONFIGS)) {
    const graph = maskGitTeacherForced(config);
    const weights = someWeights(graph);
    const names = [...weights.keys()];
    const inputs = trainingBatch(config);
    const gradients = withGradients(graph, 'loss', names);

    it(`${name}: the gradient of each parameter fits finite differences`, () => {
      const given: Readonly<Record<string, NdArray>> = inputs;
      const derivatives = interpret(gradients, given, weights);
      for (const parameter of names) {
        const { shape } = weights.get(parameter)!;
        const own = readFloats(weights.get(parameter)!);
        const { data } = derivatives[`gradient.${parameter}`]!;
        let magnitude = 0;
        for (const value of data) magnitude = Math.max(magnitude, Math.abs(value));
        expect(magnitude, parameter).to.be.above(1e-6);
        const lossAt = (element: number, moved: number): number => {
          const changed = storedFloats(shape, own.with(element, moved));
          return interpret(graph, given, new Map([...weights, [parameter, changed]])).loss!.data[0]!;
        };
        for (const share of [0.1, 0.8]) {
          const element = Math.floor(share * own.length);
          const [above, below] = [2 ** -9, -(2 ** -9)].map((step) => Math.fround(own[element]! + step));
          const slope = (lossAt(element, above!) - lossAt(element, below!)) / (above! - below!);
          expect(data[element]!, `${parameter}[${element}]`).to.be.closeTo(slope, 2e-3 * magnitude);
        }
      }
    });

    for (const target of name === MIXED ? TESTED_TARGETS : [])
      it(`${name}: logits, loss and gradients on ${target.name} are the reference's`, async () => {
        const expected = await runOnce(referenceTarget, gradients, weights, inputs);
        const actual = await runOnce(target, gradients, weights, inputs);
        for (const [output, wanted] of Object.entries(expected))
          expectClose(actual[output]!, wanted, output.startsWith('gradient.') ? 1e-4 : 1e-5, output);
      });

    it(`${name}: a step's logits are those of training, whatever else is in the batch`, async () => {
      const { logits } = await runOnce(referenceTarget, graph, weights, inputs);
      const width = logits!.data.length / BATCH;
      const positions = config.side ** 2;
      for (const row of [0, BATCH - 1]) {
        const alone = await runOnce(referenceTarget, maskGitStep(config), weights, {
          codes: intTensor(
            [1, positions],
            inputs.masked_tokens!.data.slice(row * positions, (row + 1) * positions),
          ),
          class_ids: intTensor([1], [inputs.class_ids!.data[row]!]),
        });
        expect(alone.logits!.shape).to.deep.equal([1, positions, config.codes + 1]);
        expect([...alone.logits!.data]).to.deep.equal([
          ...logits!.data.subarray(row * width, (row + 1) * width),
        ]);
      }
    });
  }

  it('before it is trained, layers change nothing: each position sees itself alone', async () => {
    const graph = maskGitTeacherForced(plain);
    const weights: Weights = new Map(
      parametersOf(graph).map(({ name, outputs: [tensor] }) => {
        const shape = tensor!.shape as readonly number[];
        return [name, storedFloats(shape, drawnWeights(graph, name, 5))] as const;
      }),
    );
    const logitsOf = async (codes: readonly number[]) => {
      const inputs = { codes: intTensor([1, codes.length], codes), class_ids: intTensor([1], [2]) };
      return [...(await runOnce(referenceTarget, maskGitStep(plain), weights, inputs)).logits!.data];
    };
    const codes = [...ints([1, 16], plain.codes + 1).data];
    const [before, after] = [
      await logitsOf(codes),
      await logitsOf(codes.with(3, (codes[3]! + 1) % plain.codes)),
    ];
    const entries = plain.codes + 1;
    const changed = before.flatMap((logit, index) =>
      logit === after[index] ? [] : [Math.floor(index / entries)],
    );
    expect([...new Set(changed)]).to.deep.equal([3]);
  });

  it('starts from weights as wide as Glorot and Bengio say, and from tables that are narrow', () => {
    const graph = maskGitTeacherForced({ ...plain, patch: 2 });
    const drawn = (name: string) => drawnWeights(graph, name, 1);
    const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    for (const [name, fans] of [
      ['transformer.layers.0.attn.wq.weight', 12 + 12],
      ['transformer.layers.1.ff.w2.weight', 12 + 16],
      ['last_norm.mlp.1.weight', 12 + 24],
      ['in_proj.weight', 4 * 12 + 4 * 12],
      ['out_proj.weight', 12 + 4 * 12],
    ] as const) {
      const bound = Math.sqrt(6 / fans);
      expect(largest(drawn(name)), name).to.be.within(0.9 * bound, bound);
    }
    for (const name of ['tok_emb', 'cls_emb', 'pos_emb', 'reg_tokens']) {
      const values = drawn(`${name}.weight`);
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
      expect(deviation, name).to.be.within(0.01, 0.03);
    }
    for (const name of ['transformer.layers.0.mlp.1.weight', 'last_norm.mlp.1.bias', 'head.bias'])
      expect(largest(drawn(name)), name).to.equal(0);
  });

  describe('with dropout', () => {
    const inputs = trainingBatch(plain);
    const weights = someWeights(maskGitStep(plain));
    const lossOf = async (target: Target, dropout: number, step: number): Promise<number> => {
      const graph = maskGitTeacherForced(plain, { dropout });
      const all = { ...inputs, dropout_key: dropoutKey(step) };
      return (await runOnce(target, graph, weights, all)).loss!.data[0]!;
    };

    it('drops attention weights, attention output and gated products of each layer', () => {
      const graph = maskGitTeacherForced(plain, { dropout: 0.5 });
      const shapes = nodesOf(graph).flatMap((node) =>
        node.kind === 'operation' && node.op.name === 'randomUniform' ? [node.outputs[0]!.shape.join()] : [],
      );
      const ofLayer = ['batch,3,17,17', 'batch,17,12', 'batch,17,16'];
      expect(shapes.sort()).to.deep.equal([...ofLayer, ...ofLayer].sort());
    });

    it('of next to nothing, it is the network without', async () => {
      const { loss } = await runOnce(referenceTarget, maskGitTeacherForced(plain), weights, inputs);
      expect(await lossOf(referenceTarget, 1e-30, 1)).to.be.closeTo(loss!.data[0]!, 1e-6);
    });

    it('the same key drops the same, wherever it runs, another key something else', async () => {
      const once = await lossOf(referenceTarget, 0.3, 1);
      expect(await lossOf(referenceTarget, 0.3, 2)).not.to.be.closeTo(once, 1e-4);
      expect(await lossOf(TESTED_TARGETS[0]!, 0.3, 1)).to.be.closeTo(once, 1e-5 * Math.abs(once));
    });
  });

  it('has the parameters of the published size', () => {
    const large = maskGitStep({
      ...{ dim: 1024, layers: 24, heads: 16, feedForwardHidden: 2816, codes: 16384, classes: 1000 },
      ...{ side: 24, registers: 1, patch: 1 },
    });
    const counts = parametersOf(large).map(({ outputs: [tensor] }) =>
      countElements(tensor!.shape as readonly number[]),
    );
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(total / 1e6).to.be.closeTo(480, 0.5);
  });
});
