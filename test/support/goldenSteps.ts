import { expect } from 'chai';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { countElements } from '../../src/graph/dimension.js';
import { readFloats } from '../../src/graph/weights.js';
import { floatTensor, isDeviceTensor, type Target, type TargetTensor } from '../../src/targets/target.js';
import { stateName, trainedParameters } from '../../src/training/stepNames.js';
import { ADAMW_DEFAULTS, statePartsOf, trainingStep } from '../../src/training/trainingStep.js';
import { arpgConfig, arpgFields } from './arpg.js';
import { openPytorch } from './checkpoints.js';
import { expectClose } from './conformance.js';
import { goldenJson, goldenNumbers, goldenPath } from './golden.js';

const config = arpgConfig(arpgFields(goldenJson('arpg-tiny.json').config, 'arpg-tiny.json'));
const golden = goldenNumbers('arpg-tiny.expected.safetensors');
const EMA_DECAY = 0.9;
const read = (tensor: TargetTensor) => (isDeviceTensor(tensor) ? tensor.read() : tensor);

/** Besides the reference, where they are taken among the quick tests. */
export const QUICK_STEP_TARGETS: readonly string[] = ['onnx', 'gpujs:webasm'];

/** Takes the golden steps on targets. */
export function describeGoldenSteps(targets: readonly Target[]): void {
  const lossGraph = arpgTeacherForced(config);
  const options = { ...ADAMW_DEFAULTS, emaDecay: EMA_DECAY };
  const names = trainedParameters(lossGraph).map(({ name }) => name);
  for (const target of targets)
    it(`three AdamW steps on ${target.name} give the golden losses, gradient norms and weights`, async () => {
      const { tensors } = await openPytorch(goldenPath('arpg-tiny.pt'));
      const executable = await target.compile(trainingStep(lossGraph, options));
      const expectedEma = new Map(
        names.map((name) => [name, Float64Array.from(readFloats(tensors.get(name)!))]),
      );
      let state: Record<string, TargetTensor> = {};
      for (const name of names) {
        const { shape } = tensors.get(name)!;
        const zero = () => floatTensor(shape, new Float32Array(countElements(shape)));
        state[stateName('parameter', name)] = floatTensor(shape, readFloats(tensors.get(name)!));
        state[stateName('ema', name)] = floatTensor(shape, readFloats(tensors.get(name)!));
        state[stateName('first_moment', name)] = zero();
        state[stateName('second_moment', name)] = zero();
      }
      const data = {
        tokens: golden('train.input_ids'),
        class_ids: golden('train.condition'),
        orders: golden('train.orders'),
      };
      for (let step = 1; step <= 3; step++) {
        const outputs = await executable.run({
          ...data,
          ...state,
          learning_rate: floatTensor([], [1e-3]),
          step: floatTensor([], [step]),
        });
        for (const [output, numbers] of [
          ['loss', 'optim.losses'],
          ['gradient_norm', 'optim.grad_norms'],
        ] as const) {
          const wanted = golden(numbers).data[step - 1]!;
          expect((await outputs[output]!.read()).data[0]!, `${output} of step ${step}`).to.be.closeTo(
            wanted,
            1e-3 * wanted,
          );
        }
        const parts = statePartsOf(options);
        const next = names.flatMap((name) => parts.map((part) => stateName(part, name)));
        state = Object.fromEntries(next.map((name) => [name, outputs[`next.${name}`]!]));
        for (const name of names) {
          const { data } = await read(state[stateName('parameter', name)]!);
          const before = expectedEma.get(name)!;
          // The average warms up: so soon it decays faster than asked.
          const decay = Math.min(EMA_DECAY, (1 + step) / (10 + step));
          expectedEma.set(
            name,
            before.map((value, index) => value * decay + data[index]! * (1 - decay)),
          );
        }
      }
      for (const name of names) {
        const after = state[stateName('parameter', name)]!;
        const host = await read(after);
        expectClose(host, golden(`optim.after3.${name}`), 1e-3, name);
        const averaged = await read(state[stateName('ema', name)]!);
        expectClose(averaged, floatTensor(host.shape, expectedEma.get(name)!), 1e-4, `ema of ${name}`);
      }
      await executable.dispose();
    });
}
