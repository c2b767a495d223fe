import { arpgConfig, parseOfficialArpgConfig } from '../../src/arpg/config.js';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { rotaryTable } from '../../graphs/rotary.js';
import { openPytorch } from '../../src/checkpoints/pytorch.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { makeGraph } from '../../src/graph/graph.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor } from '../../src/targets/target.js';
import { expectClose, TESTED_TARGETS } from '../support/conformance.js';
import { goldenJson, goldenNumbers, goldenPath } from '../support/golden.js';

const config = arpgConfig(parseOfficialArpgConfig(goldenJson('arpg-tiny.json').config, 'arpg-tiny.json'));
const golden = goldenNumbers('arpg-tiny.expected.safetensors');

for (const target of [referenceTarget, ...TESTED_TARGETS]) {
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
