import { expect } from 'chai';
import { arpgConfig, arpgFields } from '../support/arpg.js';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { rotaryTable } from '../../graphs/rotary.js';
import { openPytorch } from '../support/checkpoints.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { makeGraph } from '../../src/graph/graph.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor } from '../../src/targets/target.js';
import { expectClose, TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson, goldenNumbers, goldenPath } from '../support/golden.js';

const config = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'arpg-tiny.json'));
const golden = goldenNumbers('arpg-tiny.expected.safetensors');

describe('RoPE of another grid', () => {
  const trained = { height: 3, width: 4 };
  const larger = { height: 6, width: 8 };
  const rows = async (grid: typeof trained, scaling: 'extend' | 'interpolate') => {
    const { cosines } = rotaryTable(grid, 8, 10000, { trained, scaling });
    const { table } = await (await referenceTarget.compile(makeGraph('rope', [], { table: cosines }))).run(
      {},
    );
    const { shape, data } = await table!.read();
    const width = shape[1]!;
    return (row: number, column: number) => {
      const start = (1 + row * grid.width + column) * width;
      return Array.from(data.subarray(start, start + width));
    };
  };

  it('extended, the trained positions turn as before; interpolated, they spread over the larger grid', async () => {
    const base = await rows(trained, 'extend');
    const [extended, interpolated] = [await rows(larger, 'extend'), await rows(larger, 'interpolate')];
    for (const [row, column] of [
      [0, 0],
      [2, 3],
      [1, 2],
    ] as const) {
      expect(extended(row, column)).to.deep.equal(base(row, column));
      expect(interpolated(2 * row, 2 * column)).to.deep.equal(base(row, column));
    }
    expect(extended(5, 7)).to.not.deep.equal(interpolated(5, 7));
  });
});

// On onnx and the reference, test/golden.test.ts replays all of the set.
for (const target of TESTED_TARGETS.slice(1)) {
  describe(`ARPG on ${target.name}`, () => {
    it('teacher-forced logits and loss are the golden ones', async () => {
      const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
      const executable = await target.compile(arpgTeacherForced(config), { weights: tensors });
      const outputs = await executable.run({
        tokens: golden('train.input_ids'),
        class_ids: golden('train.condition'),
        orders: golden('train.orders'),
      });
      expectClose(await outputs.logits!.read(), golden('train.logits'), 1e-4, 'logits');
      const loss = golden('train.loss');
      expectClose(await outputs.loss!.read(), { ...loss, shape: [] }, 1e-4, 'loss');
      await executable.dispose();
    });

    it('predictions rest on as many known tokens as are allowed, and on the class alone where none is', async () => {
      const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
      const [tokens, classIds, orders] = ['train.input_ids', 'train.condition', 'train.orders'].map(golden);
      const given = { tokens: tokens!, class_ids: classIds!, orders: orders! };
      const logitsOf = async (context: 'before' | 'known' | 'class', known?: readonly number[]) => {
        const graph = arpgTeacherForced(config, { context });
        const executable = await target.compile(graph, { weights: tensors });
        const inputs = { ...given, ...(known && { known: intTensor([known.length], known) }) };
        const { shape, data } = await (await executable.run(inputs)).logits!.read();
        await executable.dispose();
        const size = shape[2]!;
        return (row: number, place: number) => {
          const start = (row * shape[1]! + place) * size;
          return floatTensor([size], Array.from(data.subarray(start, start + size)));
        };
      };
      const [rows, positions] = tokens!.shape as [number, number];
      expect(rows).to.be.at.least(2);
      const most = Array.from({ length: rows }, (_, row) => (row === 0 ? 0 : row === 1 ? 2 : positions));
      const [all, limited, alone] = [
        await logitsOf('before'),
        await logitsOf('known', most),
        await logitsOf('class'),
      ];
      for (let row = 0; row < rows; row++)
        for (let place = 0; place < positions; place++) {
          const sees = Math.min(place, most[row]!);
          const what = `row ${row}, place ${place}`;
          if (sees === 0) expectClose(limited(row, place), alone(row, place), 1e-5, what);
          if (sees === place) expectClose(limited(row, place), all(row, place), 1e-5, what);
          else expect(limited(row, place).data, what).to.not.deep.equal(all(row, place).data);
        }
    });

    it('every gradient is the golden one', async () => {
      const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
      const names = [...tensors.keys()];
      const executable = await target.compile(withGradients(arpgTeacherForced(config), 'loss', names), {
        weights: tensors,
      });
      const outputs = await executable.run({
        tokens: golden('train.input_ids'),
        class_ids: golden('train.condition'),
        orders: golden('train.orders'),
      });
      for (const name of names)
        expectClose(await outputs[`gradient.${name}`]!.read(), golden(`train.grad.${name}`), 1e-3, name);
      await executable.dispose();
    });

    it('the RoPE table is the golden one', async () => {
      const { cosines, sines } = rotaryTable(config.grid, config.dim / config.heads, config.ropeBase);
      const executable = await target.compile(makeGraph('rope', [], { cosines, sines }));
      const outputs = await executable.run({});
      const expected = golden('rope.freqs_cis');
      const part = (offset: number): HostTensor =>
        floatTensor(
          expected.shape.slice(0, 2),
          Array.from(expected.data).filter((_, index) => index % 2 === offset),
        );
      expectClose(await outputs.cosines!.read(), part(0), 1e-6, 'cosines');
      expectClose(await outputs.sines!.read(), part(1), 1e-6, 'sines');
      await executable.dispose();
    });
  });
}
