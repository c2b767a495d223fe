import { expect } from 'chai';
import { winograd } from '../../src/compiler/winograd.js';
import {
  add,
  conv2d,
  type Conv2dOptions,
  type Dim,
  dim,
  groupNorm,
  input,
  makeGraph,
  multiplyDims,
  parameter,
  silu,
} from '../../src/dsl/index.js';
import { type Graph, nodesOf } from '../../src/graph/graph.js';
import type { NdArray } from '../../src/graph/ndarray.js';
import { storedFloats, type Weights } from '../../src/graph/weights.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { floatTensor } from '../../src/targets/target.js';
import { expectClose, floats } from '../support/conformance.js';
import { interpret } from '../support/interpret.js';

const ZEROS = { kind: 'zeros' } as const;
const CHANNELS = 64;
const OUTPUTS = 72;

interface Layer extends Conv2dOptions {
  readonly channels?: number;
  readonly outputs?: number;
  readonly kernel?: number;
  readonly height?: Dim;
  readonly width?: Dim;
  readonly biased?: boolean;
}

function graphOf({
  channels = CHANNELS,
  outputs = OUTPUTS,
  kernel = 3,
  height = multiplyDims(4, dim('height')),
  width = dim('width'),
  biased = true,
  ...options
}: Layer): Graph {
  const x = input('x', 'f32', [dim('batch'), channels, height, width]);
  const weight = parameter('weight', [outputs, channels, kernel, kernel], ZEROS);
  const bias = biased ? { bias: parameter('bias', [outputs], ZEROS) } : {};
  return makeGraph('g', [x], { y: conv2d(x, weight, { padding: 1, ...bias, ...options }) });
}

function tensor(shape: readonly number[], seed: number) {
  return storedFloats(shape, floats(shape, seed).data as Float32Array);
}

const WEIGHTS: Weights = new Map([
  ['weight', tensor([OUTPUTS, CHANNELS, 3, 3], 2)],
  ['bias', tensor([OUTPUTS], 3)],
]);

function operationsOf(graph: Graph): readonly string[] {
  return nodesOf(graph).flatMap((node) => (node.kind === 'operation' ? [node.op.name] : []));
}

describe("convolutions as Winograd's minimal filters", () => {
  const sizes = [
    [1, 4, 1],
    [2, 8, 3],
    [1, 12, 2],
  ] as const;
  for (const biased of [true, false])
    for (const [batch, height, width] of sizes)
      it(`${batch} pictures of ${height}×${width}, ${biased ? 'with' : 'without'} a bias, are the same`, () => {
        const graph = graphOf({ biased });
        const filtered = winograd.run(graph);
        const x = floats([batch, CHANNELS, height, width]);
        expect(operationsOf(filtered).filter((name) => name === 'conv2d')).to.have.length(6);
        const { y } = interpret(filtered, { x }, WEIGHTS);
        const { y: expected } = interpret(graph, { x }, WEIGHTS);
        expect(y!.shape).to.deep.equal([batch, OUTPUTS, height, width]);
        // The factors of the weights' rows, such as a sixth, are rounded to single precision.
        const of = ({ data }: NdArray) =>
          floatTensor([batch, OUTPUTS, height, width], data as ArrayLike<number>);
        expectClose(of(y!), of(expected!), 1e-6, 'convolution');
      });

  it('are what the onnx target runs, for any size, among the layers of a ResNet block', async () => {
    const x = input('x', 'f32', [dim('batch'), CHANNELS, multiplyDims(4, dim('height')), dim('width')]);
    const [scale, shift] = ['scale', 'shift'].map((name) => parameter(name, [CHANNELS], ZEROS));
    const weight = parameter('weight', [CHANNELS, CHANNELS, 3, 3], ZEROS);
    const normed = silu(groupNorm(x, scale!, shift!, { groups: 32, epsilon: 1e-6 }));
    const graph = makeGraph('g', [x], { y: add(x, conv2d(normed, weight, { padding: 1 })) });
    const weights: Weights = new Map([
      ['weight', tensor([CHANNELS, CHANNELS, 3, 3], 2)],
      ['scale', tensor([CHANNELS], 4)],
      ['shift', tensor([CHANNELS], 5)],
    ]);
    const passes: string[] = [];
    const executable = await onnxTarget().compile(graph, { weights, onPass: (name) => passes.push(name) });
    expect(passes.includes('winograd')).to.equal(process.arch === 'x64');
    for (const [batch, height, width] of sizes) {
      const image = floats([batch, CHANNELS, height, width]);
      const { y } = await executable.run({ x: image });
      const { y: wanted } = interpret(graph, { x: image }, weights);
      const expected = floatTensor(y!.shape, wanted!.data as ArrayLike<number>);
      expectClose(await y!.read(), expected, 1e-5, `${batch} of ${height}×${width}`);
    }
    await executable.dispose();
  });

  const others: Readonly<Record<string, Layer>> = {
    'another kernel': { kernel: 1, padding: 0 },
    'a stride': { stride: 2, width: 6 },
    'a dilation': { dilation: 2, padding: 2 },
    'padding on one side': { padding: { top: 0, left: 0, bottom: 1, right: 1 } },
    'few channels': { channels: 32 },
    'few results': { outputs: 3 },
    'rows that may not be whole fours': { height: multiplyDims(2, dim('height')) },
    'six rows': { height: 6 },
  };
  for (const [what, layer] of Object.entries(others))
    it(`leaves ${what} alone`, () => {
      const graph = graphOf(layer);
      expect(operationsOf(winograd.run(graph))).to.deep.equal(operationsOf(graph));
    });

  it('leaves weights alone that change from run to run', () => {
    const [x, weight] = [
      input('x', 'f32', [1, CHANNELS, 8, 8]),
      input('w', 'f32', [CHANNELS, CHANNELS, 3, 3]),
    ];
    const graph = makeGraph('g', [x, weight], { y: conv2d(x, weight, { padding: 1 }) });
    expect(operationsOf(winograd.run(graph))).to.deep.equal(['conv2d']);
  });
});
