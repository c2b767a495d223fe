import { expect } from 'chai';
import { foldUpsample } from '../../src/compiler/foldUpsample.js';
import {
  conv2d,
  type Conv2dOptions,
  dim,
  input,
  makeGraph,
  parameter,
  upsampleNearest,
} from '../../src/dsl/index.js';
import { type Graph, nodesOf } from '../../src/graph/graph.js';
import { storedFloats, type Weights } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { expectClose, floats } from '../support/conformance.js';
import { interpret } from '../support/interpret.js';

const ZEROS = { kind: 'zeros' } as const;
const CHANNELS = 5;
const OUTPUTS = 4;

function graphOf(options: Conv2dOptions & { factor?: number; kernel?: number; biased?: boolean }): Graph {
  const { factor = 2, kernel = 3, biased = true, ...rest } = options;
  const x = input('x', 'f32', [dim('batch'), CHANNELS, dim('height'), dim('width')]);
  const weight = parameter('weight', [OUTPUTS, CHANNELS, kernel, kernel], ZEROS);
  const bias = biased ? { bias: parameter('bias', [OUTPUTS], ZEROS) } : {};
  return makeGraph('g', [x], { y: conv2d(upsampleNearest(x, factor), weight, { ...bias, ...rest }) });
}

function weightsOf(kernel = 3): Weights {
  const tensor = (shape: readonly number[], seed: number) =>
    storedFloats(shape, floats(shape, seed).data as Float32Array);
  return new Map([
    ['weight', tensor([OUTPUTS, CHANNELS, kernel, kernel], 2)],
    ['bias', tensor([OUTPUTS], 3)],
  ]);
}

function operationsOf(graph: Graph): readonly string[] {
  return nodesOf(graph).flatMap((node) => (node.kind === 'operation' ? [node.op.name] : []));
}

describe('folding an upsampling into its convolution', () => {
  const sizes = [
    [1, 1, 1],
    [1, 4, 3],
    [3, 2, 5],
  ] as const;
  for (const biased of [true, false])
    for (const [batch, height, width] of sizes)
      it(`${batch} pictures of ${height}×${width}, ${biased ? 'with' : 'without'} a bias, are the same`, () => {
        const graph = graphOf({ padding: 1, biased });
        const folded = foldUpsample.run(graph);
        const x = floats([batch, CHANNELS, height, width]);
        const weights = weightsOf();
        expect(operationsOf(folded)).to.not.include('upsampleNearest');
        expect(operationsOf(folded).filter((name) => name === 'conv2d')).to.have.length(4);
        const { y } = interpret(folded, { x }, weights);
        const { y: expected } = interpret(graph, { x }, weights);
        expect(y!.shape).to.deep.equal([batch, OUTPUTS, 2 * height, 2 * width]);
        for (const [place, value] of expected!.data.entries()) expect(y!.data[place]).closeTo(value, 1e-10);
      });

  it('is what the onnx target runs, for any size', async () => {
    const graph = graphOf({ padding: 1 });
    const weights = weightsOf();
    const executable = await onnxTarget().compile(graph, { weights });
    for (const [batch, height, width] of sizes) {
      const x = floats([batch, CHANNELS, height, width]);
      const { y } = await executable.run({ x });
      const expected = floatTensor(y!.shape, interpret(graph, { x }, weights).y!.data as ArrayLike<number>);
      expectClose(await y!.read(), expected, 1e-5, `${batch} of ${height}×${width}`);
    }
    await executable.dispose();
  });

  const others: Readonly<Record<string, Parameters<typeof graphOf>[0]>> = {
    'another factor': { factor: 3, padding: 1 },
    'another kernel': { kernel: 1 },
    'a stride': { padding: 1, stride: 2 },
    'a dilation': { padding: 1, dilation: 2 },
    'padding on one side': { padding: { top: 1, left: 1, bottom: 1, right: 0 } },
  };
  for (const [what, options] of Object.entries(others))
    it(`leaves ${what} alone`, () => {
      const graph = graphOf(options);
      expect(operationsOf(foldUpsample.run(graph))).to.deep.equal(operationsOf(graph));
    });
});
