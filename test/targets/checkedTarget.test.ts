import { expect } from 'chai';
import {
  add,
  argmax,
  constant,
  divide,
  exp,
  input,
  makeGraph,
  matmul,
  multiply,
  parameter,
  reduceMax,
  scope,
  select,
  softmax,
} from '../../src/dsl/index.js';
import { InputError } from '../../src/errors.js';
import { storedFloats } from '../../src/graph/weights.js';
import { checkedTarget } from '../../src/targets/checkedTarget.js';
import { floatTensor, type HostTensor, type Target } from '../../src/targets/target.js';
import { gpujsTarget } from '../../src/targets/gpujs/gpujsTarget.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';

const x = input('x', 'f32', [2, 2]);
/** Two layers, each a product and an exponential. */
const layered = makeGraph('layered', [x], {
  y: [0, 1].reduce(
    (value, layer) =>
      scope(`layers.${layer}`, () => exp(matmul(value, parameter('weight', [2, 2], { kind: 'ones' })))),
    multiply(x, 1),
  ),
});
const weightsOf = (first: number, second: number) =>
  new Map([
    ['layers.0.weight', storedFloats([2, 2], Float32Array.of(first, 0, 0, 1))],
    ['layers.1.weight', storedFloats([2, 2], Float32Array.of(1, 0, second, 1))],
  ]);

async function failureOf(
  target: Target,
  graph: typeof layered,
  values: readonly number[],
  weights = new Map(),
): Promise<string | HostTensor['data']> {
  const executable = await checkedTarget(target).compile(graph, { weights });
  try {
    const results = await executable.run({ x: floatTensor([2, 2], values) });
    return (await Object.values(results)[0]!.read()).data;
  } catch (error) {
    expect(error).to.be.instanceOf(InputError);
    return (error as Error).message;
  } finally {
    await executable.dispose();
  }
}

const TARGETS = [onnxTarget({ threads: 2 }), referenceTarget, await gpujsTarget({ mode: 'cpu' })];

for (const target of TARGETS)
  describe(`the checked target ${target.name}`, () => {
    it('gives what the target gives where all is finite', async () => {
      const data = await failureOf(target, layered, [0, 0, 0, 0], weightsOf(1, 0));
      expect(Array.from(data as Float32Array, (value) => Number(value.toFixed(4)))).to.deep.equal(
        new Array(4).fill(Number(Math.E.toFixed(4))),
      );
    });

    it('names the weight that is not finite, and who reads it', async () => {
      expect(await failureOf(target, layered, [1, 1, 1, 1], weightsOf(1, Number.NaN))).to.equal(
        'layered, run 1: the first value that is not finite is NaN in the weight layers.1.weight, first read by layers.1 (matmul); import or train the model again',
      );
    });

    it('names the operation that makes an infinity, not what it leads to', async () => {
      // exp(800) is beyond float64, too; 0 times it is NaN in the next layer.
      expect(await failureOf(target, layered, [800, 0, 0, 0], weightsOf(1, 1))).to.equal(
        'layered, run 1: the first value that is not finite is infinity in layers.0 (exp), whose inputs are finite',
      );
    });

    it('names an input', async () => {
      const message = await failureOf(target, layered, [1, Number.NaN, 0, 0], weightsOf(1, 1));
      expect(message).to.include("NaN in the input 'x', first read by multiply");
    });

    it('does not mind infinities that are meant', async () => {
      const minus = constant('f32', [2, 2], [0, Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY]);
      const masked = makeGraph('masked', [x], { y: softmax(add(x, minus)) });
      expect(Array.from((await failureOf(target, masked, [1, 2, 3, 4])) as Float32Array)).to.deep.equal([
        1, 0, 1, 0,
      ]);
      for (const y of [add(x, minus), argmax(add(x, minus), 1)])
        expect(await failureOf(target, makeGraph('output', [x], { y }), [1, 2, 3, 4])).not.to.be.a('string');
      // What they lead to may be trouble all the same.
      const cancelled = makeGraph('cancelled', [x], {
        y: scope('loss', () => multiply(minus, multiply(x, 0))),
      });
      expect(await failureOf(target, cancelled, [1, 2, 3, 4])).to.match(/NaN in loss \(multiply\)$/);
      // The fault lies elsewhere, after the mask in the order of computation.
      const zero = reduceMax(multiply(x, 0), { axes: [1], keepDims: true });
      const wrong = makeGraph('wrong', [x], {
        y: scope('late', () => add(add(x, minus), divide(zero, zero))),
      });
      expect(await failureOf(target, wrong, [1, 2, 3, 4])).to.include(
        'NaN in late (divide), whose inputs are',
      );
    });

    it('does not mind what is not chosen', async () => {
      const zero = multiply(x, 0);
      const chosen = select(constant('bool', [1], [1]), x, divide(zero, zero));
      const graph = makeGraph('chosen', [x], { y: chosen });
      expect(Array.from((await failureOf(target, graph, [1, 2, 3, 4])) as Float32Array)).to.deep.equal([
        1, 2, 3, 4,
      ]);
    });

    it('sees what hides behind whole numbers', async () => {
      const graph = makeGraph('indices', [x], { y: scope('codes', () => argmax(exp(x), 1)) });
      expect(await failureOf(target, graph, [800, 1, 2, 3])).to.include(
        'indices, run 1: the first value that is not finite is infinity in codes (exp)',
      );
      expect(Array.from((await failureOf(target, graph, [0, 1, 3, 2])) as Int32Array)).to.deep.equal([1, 0]);
    });

    it('counts runs', async () => {
      const executable = await checkedTarget(target).compile(layered, { weights: weightsOf(1, 0) });
      await executable.run({ x: floatTensor([2, 2], [0, 0, 0, 0]) });
      const error = await executable.run({ x: floatTensor([2, 2], [800, 0, 0, 0]) }).then(
        () => undefined,
        (failure: Error) => failure,
      );
      expect(error?.message).to.match(/^layered, run 2: /);
      await executable.dispose();
    });
  });
