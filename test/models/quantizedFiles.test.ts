import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openSafetensors, serializeSafetensors } from '../../src/checkpoints/safetensors.js';
import { InputError, UsageError } from '../../src/errors.js';
import { readFloats, type StoredTensor, type Weights } from '../../src/graph/weights.js';
import { exportModelFolder, load, sampleTokens } from '../../src/index.js';
import { openGenerator } from '../../src/models/modelFolder.js';
import { inRunPrecision, type RunPrecision } from '../../src/models/precision.js';
import { temporaryFolder } from '../support/temporary.js';

describe('model folders in whole numbers', () => {
  const temporary = temporaryFolder();
  const bitsOf = (weights: Weights) =>
    [...new Set([...weights.values()].map(({ quantized }) => quantized?.bits))].sort();

  const written = async (precision: RunPrecision): Promise<string> => {
    const folder = temporary(precision);
    const model = await load('tiny', { target: 'reference' });
    await exportModelFolder(model, folder, precision);
    await model.dispose();
    return folder;
  };

  const drawn = async (folder: string, precision?: RunPrecision) => {
    const model = await load(folder, { target: 'onnx', ...(precision && { precision }) });
    const { pictures } = await sampleTokens(model, { classes: [1, 2], seed: 4, steps: 4 });
    await model.dispose();
    return pictures.map(({ codes }) => [...codes.tokens]);
  };

  for (const [precision, bits] of [
    ['int8', 8],
    ['int4', 4],
  ] as const)
    it(`${precision}: hold the numbers and draw what --precision draws`, async () => {
      const folder = await written(precision);
      const stored = openGenerator(folder).weights;
      const made = inRunPrecision(openGenerator('fixtures/models/tiny'), precision, 'tiny').weights;
      expect(bitsOf(stored)).to.deep.equal([bits, undefined]);
      expect([...stored.keys()]).to.deep.equal([...made.keys()]);
      for (const [name, tensor] of stored) {
        expect([...readFloats(tensor)], name).to.deep.equal([...readFloats(made.get(name)!)]);
        if (tensor.quantized)
          expect([...tensor.quantized.integers()], name).to.deep.equal([
            ...made.get(name)!.quantized!.integers(),
          ]);
      }
      expect(await drawn(folder)).to.deep.equal(await drawn('tiny', precision));
    });

  it('compute in single precision where that is asked for, and in no other number of bits', async () => {
    const folder = temporary('int8');
    expect(bitsOf(inRunPrecision(openGenerator(folder), 'fp32', folder).weights)).to.deep.equal([undefined]);
    expect(() => inRunPrecision(openGenerator(folder), 'int4', folder)).to.throw(
      UsageError,
      'is stored in int8: for int4, start from the model that it was made from',
    );
  });

  it('without scales that fit are refused, and say which are missing', () => {
    const folder = temporary('int8');
    const path = join(folder, 'model.safetensors');
    const { tensors } = openSafetensors(path);
    const whole: Weights = new Map(
      [...tensors].map(([name, tensor]) => {
        const bytes = tensor.read();
        return [name, { ...tensor, read: () => bytes }];
      }),
    );
    const name = [...whole.keys()].find((key) => key.endsWith('_scale'))!;
    const scales = whole.get(name)!;
    const short: StoredTensor = { dtype: 'f32', shape: [1], read: () => new Uint8Array(4) };
    for (const odd of [undefined, short, { ...scales, dtype: 'i32' as const }]) {
      const others = [...whole].filter(([key]) => key !== name);
      const changed: Weights = new Map([...others, ...(odd ? [[name, odd] as const] : [])]);
      writeFileSync(path, Buffer.concat([...serializeSafetensors(changed)]));
      expect(() => openGenerator(folder)).to.throw(InputError, `have no scales that fit in '${name}'`);
    }
  });
});
