import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { dim, input } from '../../src/dsl/index.js';
import { InputError } from '../../src/errors.js';
import { readFeatureNetwork } from '../../src/targets/onnx/featureNetwork.js';
import {
  encodeOnnxModel,
  EXTERNAL_DATA,
  ONNX_DATA_TYPES,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../src/targets/onnx/onnxSchema.js';
import { temporaryFolder } from '../support/temporary.js';

const floats = (
  name: string,
  dims: readonly number[],
  values: readonly number[],
  more: object = {},
): OnnxTensor => ({
  name,
  dims,
  dataType: ONNX_DATA_TYPES.float,
  rawData: new Uint8Array(Float32Array.from(values).buffer),
  ...more,
});

const node = (
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, object>> = {},
): OnnxNode => ({
  name: output,
  opType,
  domain: '',
  input: inputs,
  output: [output],
  attribute: Object.entries(attributes).map(([name, value]) => ({ name, type: 0, ...value })),
});

const value = (name: string) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: [] } } },
});

function model(nodes: readonly OnnxNode[], initializer: readonly OnnxTensor[] = []): OnnxModel {
  return {
    irVersion: 10,
    producerName: 'test',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'g',
      node: nodes,
      initializer,
      input: [value('x')],
      output: [value(nodes.at(-1)?.output[0] ?? 'x')],
    },
  };
}

describe('feature networks', () => {
  const temporary = temporaryFolder();
  const image = input('image', 'f32', [dim('batch'), 3, 16, 16]);
  const kernel = floats('w', [1, 3, 1, 1], [1, 2, 3]);
  const pool = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };

  function read(bytes: Uint8Array) {
    writeFileSync(temporary('f.onnx'), bytes);
    return readFeatureNetwork(temporary('f.onnx'))(image);
  }

  function failure(bytes: Uint8Array): string {
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      expect(error.message)
        .to.include(temporary('f.onnx'))
        .and.not.match(/undefined|not a function|\p{Cc}/u);
      expect(error.message.length).to.be.lessThan(500);
      return error.message;
    }
    return expect.fail('the network was accepted');
  }

  it('may leave out what ONNX lets them leave out', () => {
    const [features] = read(
      encodeOnnxModel(
        model(
          [
            node('Conv', ['x', 'w', ''], 'c', { auto_pad: { s: Buffer.from('NOTSET') }, group: { i: 1 } }),
            node('MaxPool', ['c'], 'p', { ...pool, ceil_mode: { i: 0 }, dilations: { ints: [1, 1] } }),
          ],
          [kernel],
        ),
      ),
    );
    expect(features!.shape.slice(1)).to.deep.equal([1, 8, 8]);
  });

  const long = `\u001b[31m${'x'.repeat(1e5)}`;
  const cases: Readonly<Record<string, readonly [OnnxModel, string]>> = {
    'too few numbers for the shape': [
      model([node('Conv', ['x', 'w'], 'c')], [floats('w', [1, 3, 1, 1], [1])]),
      "tensor 'w' has 1 elements instead of 3",
    ],
    'a shape of 10¹⁸ elements': [
      model([node('Conv', ['x', 'w'], 'c')], [floats('w', [1e9, 1e9], [1])]),
      "tensor 'w' has 1 elements",
    ],
    'two negative sizes': [
      model([node('Add', ['x', 'w'], 'c')], [floats('w', [-1, -1], [1])]),
      "tensor 'w' has no valid shape",
    ],
    'a hundred axes': [
      model([node('Add', ['x', 'w'], 'c')], [floats('w', new Array<number>(100).fill(1), [1])]),
      'no valid shape',
    ],
    'weights elsewhere': [
      model([node('Add', ['x', 'w'], 'c')], [floats('w', [1], [], { dataLocation: EXTERNAL_DATA })]),
      'lies in another file',
    ],
    'NaN weights': [model([node('Add', ['x', 'w'], 'c')], [floats('w', [1], [NaN])]), 'not finite'],
    'half a number': [
      model([node('Add', ['x', 'w'], 'c')], [{ ...floats('w', [1], []), rawData: new Uint8Array(5) }]),
      'has 1.25 elements instead of 1',
    ],
    'another element type': [
      model([node('Add', ['x', 'w'], 'c')], [{ ...floats('w', [1], [1]), dataType: ONNX_DATA_TYPES.int64 }]),
      'does not hold float32',
    ],
    'one input of two': [model([node('Add', ['x'], 'c')]), 'Add: it has 1 inputs'],
    'an input left out in the middle': [model([node('Conv', ['x', '', 'w'], 'c')], [kernel]), "reads ''"],
    'a circle': [
      model([node('Relu', ['b'], 'a'), node('Relu', ['a'], 'b')]),
      "reads 'b', which nothing gives",
    ],
    'a name for two': [model([node('Relu', ['x'], 'a'), node('Relu', ['x'], 'a')]), "'a' is given twice"],
    'a node that overwrites the image': [model([node('Relu', ['x'], 'x')]), "'x' is given twice"],
    'no output of a node': [model([{ ...node('Relu', ['x'], 'a'), output: [] }]), 'must have one output'],
    'windows of no size': [model([node('MaxPool', ['x'], 'a')]), 'pooling windows must be the same'],
    'windows of size 0': [
      model([node('MaxPool', ['x'], 'a', { kernel_shape: { ints: [0, 0] }, strides: { ints: [0, 0] } })]),
      'must be at least 1',
    ],
    'windows that do not fit': [
      model([node('MaxPool', ['x'], 'a', { kernel_shape: { ints: [3, 3] }, strides: { ints: [3, 3] } })]),
      'do not fill 16×16',
    ],
    'strides of 0': [
      model([node('Conv', ['x', 'w'], 'c', { strides: { ints: [0, 0] } })], [kernel]),
      'at least 1',
    ],
    'padding of one number': [
      model([node('Conv', ['x', 'w'], 'c', { pads: { ints: [1] } })], [kernel]),
      'padding must be four numbers',
    ],
    'automatic padding': [
      model([node('Conv', ['x', 'w'], 'c', { auto_pad: { s: Buffer.from('SAME_UPPER') } })], [kernel]),
      'automatic padding is not supported',
    ],
    'rounding up': [model([node('MaxPool', ['x'], 'a', { ...pool, ceil_mode: { i: 1 } })]), 'ceil_mode'],
    'an attribute that nobody knows': [
      model([node('Relu', ['x'], 'a', { [long]: { i: 1 } })]),
      'is not supported',
    ],
    'a constant without value': [model([node('Constant', [], 'a')]), 'it holds no tensor'],
    'an operator with a long name': [model([node(long, ['x'], 'a')]), 'is not supported'],
    'an operator of others': [
      model([{ ...node('Relu', ['x'], 'a'), domain: 'org.other' }]),
      'is not supported',
    ],
    'shapes that do not go together': [
      model([node('Add', ['x', 'w'], 'c')], [floats('w', [5], [1, 2, 3, 4, 5])]),
      'Add: ',
    ],
    'an outer sum of 10¹⁰ elements': [
      model(
        [node('Add', ['r', 'c'], 'a')],
        [
          floats('r', [1, 1e5], new Array<number>(1e5).fill(1)),
          floats('c', [1e5, 1], new Array<number>(1e5).fill(1)),
        ],
      ),
      'would have 10000000000 elements',
    ],
    'no nodes and no images as output': [
      { ...model([]), graph: { ...model([]).graph, output: [] } },
      'no outputs',
    ],
  };
  for (const [name, [network, reason]] of Object.entries(cases))
    it(`${name}: refused with a reason`, () => {
      expect(failure(encodeOnnxModel(network))).to.include(reason);
    });

  it('bytes that are no model are refused, also where each is cut or flipped', () => {
    const bytes = encodeOnnxModel(
      model([node('Conv', ['x', 'w'], 'c'), node('MaxPool', ['c'], 'p', pool)], [kernel]),
    );
    expect(failure(new Uint8Array(0))).to.include('it holds no graph');
    expect(failure(bytes.subarray(0, bytes.length - 3))).to.include('damaged');
    for (const place of bytes.keys())
      for (const variant of [
        bytes.subarray(0, place),
        bytes.map((byte, at) => (at === place ? byte ^ 0x55 : byte)),
      ])
        try {
          read(variant);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
  });

  it('millions of tiny fields are refused before anything is made of them', () => {
    const graphOf = (field: readonly number[], bytes: number) => {
      const inner = Buffer.alloc(bytes, Buffer.from(field));
      const length = Buffer.from([
        ...[0, 7, 14].map((shift) => ((inner.length >> shift) & 0x7f) | 0x80),
        inner.length >> 21,
      ]);
      return Buffer.concat([Buffer.from([0x3a]), length, inner]);
    };
    const floods = {
      nodes: graphOf([0x0a, 0], 6e6),
      'nested groups': graphOf([0x0b], 6e6),
      'unknown fields': graphOf([0x50, 1], 6e6),
    };
    for (const [name, bytes] of Object.entries(floods)) {
      const before = process.cpuUsage();
      expect(failure(bytes), name).to.match(/more than 1000000 fields|damaged/);
      expect(process.cpuUsage(before).user / 1e6, name).to.be.lessThan(3);
    }
  });

  it('missing files, folders and devices are named', () => {
    expect(() => readFeatureNetwork(temporary('none'))).to.throw(InputError, 'no such file');
    expect(() => readFeatureNetwork(temporary('.'))).to.throw(InputError, 'it is a folder');
  });
});
