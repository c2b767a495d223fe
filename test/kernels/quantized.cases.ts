import { expect } from 'chai';
import { quantizedLinear, quantizeRows } from '../../kernels/index.js';
import { input, makeGraph, parameter } from '../../src/dsl/index.js';
import { quantizeTensor, type WeightBits } from '../../src/graph/quantized.js';
import { storedFloats, type StoredTensor } from '../../src/graph/weights.js';
import { gpujsTarget } from '../../src/targets/gpujs/gpujsTarget.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, type Target } from '../../src/targets/target.js';
import { coveredOps, describeConformance, expectClose, floats } from '../support/conformance.js';

describeConformance('quantizeRows', [
  {
    name: 'by hand',
    inputs: [floatTensor([2, 2], [127, 3.4, -2.54, 0])],
    build: (x) => quantizeRows(x),
    expected: [127, 3, -2.54, 0],
    noGradient: 'rounding has none',
  },
  {
    name: 'zeros',
    inputs: [floatTensor([2, 3], [0, 0, 0, 1, 2, -3])],
    build: quantizeRows,
    noGradient: 'rounding has none',
  },
  { name: 'three axes', inputs: [floats([2, 3, 33])], build: quantizeRows, noGradient: 'rounding has none' },
]);

// Its weights are parameters in whole numbers, which the cases of other operations are not.
coveredOps.add('quantizedLinear');

const onnx = onnxTarget({ threads: 2 });

async function products(
  target: Target,
  x: HostTensor,
  weights: readonly StoredTensor[],
  bits: WeightBits,
): Promise<readonly HostTensor[]> {
  const tensor = input('x', 'f32', x.shape);
  const parameters = weights.map(({ shape }, index) => parameter(`w${index}`, shape, { kind: 'zeros' }));
  const outputs = quantizedLinear(tensor, parameters, bits).map((y, index) => [`y${index}`, y] as const);
  const graph = makeGraph('case', [tensor], Object.fromEntries(outputs));
  const executable = await target.compile(graph, {
    weights: new Map(weights.map((weight, index) => [`w${index}`, weight])),
  });
  try {
    const results = await executable.run({ x });
    return await Promise.all(outputs.map(([name]) => results[name]!.read()));
  } finally {
    await executable.dispose();
  }
}

const matrix = (rows: number, columns: number, seed: number, bits: WeightBits): StoredTensor =>
  quantizeTensor(storedFloats([rows, columns], Float32Array.from(floats([rows, columns], seed).data)), bits);

describe('op quantizedLinear', () => {
  for (const [bits, shape, outputs] of [
    [8, [1, 64], [5]],
    [8, [7, 33], [32, 3]],
    [8, [2, 3, 96], [17, 8, 40]],
    [4, [1, 64], [5]],
    [4, [2, 3, 96], [17, 8, 40]],
    [4, [0, 64], [5]],
  ] as const)
    it(`${bits} bits of [${shape}] times ${outputs.length} weights agree with the reference`, async () => {
      const x = floats(shape, 3);
      const weights = outputs.map((rows, index) => matrix(rows, shape.at(-1)!, 10 + index, bits));
      const expected = await products(referenceTarget, x, weights, bits);
      const targets: readonly Target[] = [onnx, await gpujsTarget({ mode: 'cpu' })];
      // In 4 bits onnxruntime brings the rows into 8 bits.
      for (const target of targets)
        for (const [index, actual] of (await products(target, x, weights, bits)).entries())
          expectClose(actual, expected[index]!, bits === 8 ? 1e-4 : 2e-2, `${target.name}: output ${index}`);
    });

  it('is exact where all neighbours and activations are as large as can be', async () => {
    const columns = 256;
    for (const sign of [1, -1]) {
      const x = floatTensor(
        [3, columns],
        Float32Array.from({ length: 3 * columns }, () => 127),
      );
      const weight = quantizeTensor(
        storedFloats([32, columns], new Float32Array(32 * columns).fill(sign)),
        8,
      );
      const [actual] = await products(onnx, x, [weight], 8);
      expectClose(
        actual!,
        floatTensor([3, 32], new Float32Array(96).fill(sign * 127 * columns)),
        1e-2,
        `${sign}`,
      );
      const [exact] = await products(referenceTarget, x, [weight], 8);
      expectClose(actual!, exact!, 1e-6, `${sign} against the reference`);
    }
  });

  it('gives a row bit for bit the same alone and among others in 8 bits', async () => {
    const x = floats([9, 96], 4);
    const weight = matrix(50, 96, 5, 8);
    const [together] = await products(onnx, x, [weight], 8);
    for (let row = 0; row < 9; row++) {
      const one = floatTensor([1, 96], x.data.slice(row * 96, (row + 1) * 96) as Float32Array);
      const [alone] = await products(onnx, one, [weight], 8);
      expect([...alone!.data]).to.deep.equal([...together!.data.slice(row * 50, (row + 1) * 50)]);
    }
  });

  it('passes on what is no number', async () => {
    for (const bits of [8, 4] as const)
      for (const place of [0, 17, 63]) {
        const x = floatTensor(
          [1, 64],
          Float32Array.from({ length: 64 }, (_, at) => (at === place ? Number.NaN : 1)),
        );
        const [y] = await products(onnx, x, [matrix(3, 64, 1, bits)], bits);
        expect([...y!.data].every(Number.isNaN), `${bits} bits, ${place}: ${y!.data}`).to.equal(true);
      }
  });
});
