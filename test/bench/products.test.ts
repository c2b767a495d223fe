import { expect } from 'chai';
import { productsOf } from '../../bench/compare/products.js';
import { weightBytes } from '../../bench/compare/productsModel.js';
import { parametersOf } from '../../src/graph/graph.js';
import { countElements } from '../../src/graph/dimension.js';
import { SYSTEM_PRESETS } from '../../src/systems/registry.js';

describe('the products that the floor of a step is made of', () => {
  const { system, config } = SYSTEM_PRESETS.get('ARPG-L')!;
  const graph = system.graphs(config).step!();
  const products = productsOf(graph);
  const sizeOf = ({ inputs, outputs }: { readonly inputs: number; readonly outputs: number }) =>
    inputs * outputs;

  it('are all linear layers but the one whose input is always the same', () => {
    const linear = parametersOf(graph).filter(
      ({ name, outputs }) =>
        outputs[0]!.shape.length === 2 &&
        !['embeddings.weight', 'layers.cross_dec.0.attn.to_q.weight'].includes(name),
    );
    const expected = linear.reduce(
      (sum, { outputs }) => sum + countElements(outputs[0]!.shape as readonly number[]),
      0,
    );
    expect(products.reduce((sum, product) => sum + sizeOf(product), 0)).to.equal(expected);
    expect(weightBytes(products, 'int8')).to.equal(expected);
    expect(weightBytes(products, 'int4')).to.equal(expected / 2);
  });

  it('have the rows of the content or of the queries', () => {
    const sizes = (rows: string) =>
      products.filter((product) => product.rows === rows).reduce((sum, product) => sum + sizeOf(product), 0);
    const feedForward = 3 * 1024 * 2816;
    const matrix = 1024 * 1024;
    expect(sizes('content')).to.equal(12 * (4 * matrix + feedForward) + 2 * matrix);
    expect(sizes('queries')).to.equal(12 * (2 * matrix + feedForward) - matrix + 1024 * 16384);
  });
});
