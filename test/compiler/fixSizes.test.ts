import { expect } from 'chai';
import { llamaGenStep, llamaGenTeacherForced } from '../../graphs/llamaGen.js';
import { fixSizes, sizesOf } from '../../src/compiler/fixSizes.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { symbolsOf } from '../../src/graph/dimension.js';
import { nodesOf, parametersOf } from '../../src/graph/graph.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { intTensor } from '../../src/targets/target.js';
import { decoderNetwork } from '../../src/systems/decoderFields.js';
import { system } from '../../src/systems/llamaGen.js';
import { expectClose } from '../support/conformance.js';
import { goldenNumbers } from '../support/golden.js';
import { goldenGenerator } from '../support/systems.js';

const { config, weights } = goldenGenerator(system);
const network = decoderNetwork(config as Parameters<typeof decoderNetwork>[0]);
const golden = goldenNumbers('llamagen-tiny.expected.safetensors');

describe('fixing the sizes of a graph', () => {
  const batch = { tokens: golden('train.input_ids'), class_ids: golden('train.condition') };

  it('leaves no symbol, and the numbers as they are, gradients included', async () => {
    const graph = withGradients(llamaGenTeacherForced(network), 'loss', ['norm.weight']);
    const sizes = sizesOf(graph, batch);
    expect(sizes).to.deep.equal({ batch: batch.tokens.shape[0] });
    const fixed = fixSizes(graph, sizes);
    const symbols = nodesOf(fixed).flatMap(({ outputs }) =>
      outputs.flatMap(({ shape }) => shape.flatMap(symbolsOf)),
    );
    expect(symbols).to.deep.equal([]);
    expect(parametersOf(fixed).map(({ name }) => name)).to.deep.equal(
      parametersOf(graph).map(({ name }) => name),
    );
    const executable = await referenceTarget.compile(fixed, { weights });
    const outputs = await executable.run(batch);
    for (const [output, key] of [
      ['logits', 'train.logits'],
      ['gradient.norm.weight', 'train.grad.norm.weight'],
    ] as const)
      expectClose(await outputs[output]!.read(), golden(key), 1e-5, key);
    await executable.dispose();
  });

  it('keeps inputs that nothing reads, and refuses sizes that are not all', () => {
    const graph = llamaGenStep(network);
    const given = { class_ids: intTensor([2, 1], [0, 1]), token_ids: intTensor([2, 0], []) };
    const known = sizesOf(graph, given);
    expect(known).to.deep.equal({ batch: 2, prefix: 1, tokens: 0 });
    expect(() => fixSizes(graph, known)).to.throw(RangeError, "'past' has no value");
    const varying = fixSizes(graph, known, new Set(['past']));
    const symbols = varying.inputs.flatMap(({ shape }) => shape.flatMap(symbolsOf));
    expect(new Set(symbols)).to.deep.equal(new Set(['past']));
    expect(fixSizes(graph, { ...known, past: 0 }).inputs).to.have.length(graph.inputs.length);
  });
});
