import { expect } from 'chai';
import {
  CLASS_PLACE,
  diagonalLengths,
  diagonalOrder,
  entryDistances,
  sourcesOf,
} from '../../graphs/diagonals.js';
import { rankMask } from '../../graphs/rankMask.js';
import { regionOrder, slotGroups, slotRows } from '../../graphs/regions.js';
import { cast } from '../../src/dsl/index.js';
import { makeGraph } from '../../src/graph/graph.js';
import { resolveTarget } from '../../src/targets/resolveTarget.js';
import { runOnce } from '../support/golden/subject.js';

const GRIDS = [
  { height: 1, width: 1 },
  { height: 4, width: 6 },
  { height: 7, width: 3 },
  { height: 1, width: 5 },
];

describe('the regions of PAR', () => {
  it('are read place by place, in rectangles too', () => {
    const first = regionOrder({ height: 6, width: 6 }, 4).slice(0, 9);
    expect(first).to.deep.equal([0, 3, 18, 21, 1, 4, 19, 22, 2]);
    // Regions of two rows and three columns.
    const wide = regionOrder({ height: 4, width: 6 }, 4);
    expect(wide).to.deep.equal([
      ...[0, 3, 12, 15, 1, 4, 13, 16, 2, 5, 14, 17],
      ...[6, 9, 18, 21, 7, 10, 19, 22, 8, 11, 20, 23],
    ]);
    const tall = regionOrder({ height: 6, width: 3 }, 9);
    expect([...tall].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 18 }, (_, at) => at));
    expect(tall.slice(9)).to.deep.equal(tall.slice(0, 9).map((position) => position + 3));
  });

  it('have slots that are seen one by one, then group by group', () => {
    expect(slotGroups(13, 4)).to.deep.equal([0, 1, 2, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6]);
  });

  it('have special entries between the first tokens and the others, at no place', () => {
    const order = regionOrder({ height: 4, width: 2 }, 4);
    expect(order).to.deep.equal([0, 1, 4, 5, 2, 3, 6, 7]);
    expect(slotRows(order, 4)).to.deep.equal([0, 1, 2, 5, 6, 0, 0, 0, 3, 4, 7, 8]);
  });
});

describe('the anti-diagonals of NAR', () => {
  it('are read from their top rows, in rectangles too', () => {
    expect(diagonalOrder({ height: 2, width: 3 })).to.deep.equal([0, 1, 3, 2, 4, 5]);
    for (const grid of GRIDS) {
      const { height, width } = grid;
      const lengths = diagonalLengths(grid);
      expect(lengths).to.have.length(height + width - 1);
      let start = 0;
      for (const [distance, length] of lengths.entries()) {
        const own = diagonalOrder(grid).slice(start, start + length);
        const rows = own.map((position) => Math.floor(position / width));
        for (const [at, position] of own.entries()) {
          expect(rows[at]! + (position % width)).to.equal(distance);
          if (at > 0) expect(rows[at]).to.equal(rows[at - 1]! + 1);
        }
        start += length;
      }
      expect(start).to.equal(height * width);
    }
  });

  it('have sources that lie on the anti-diagonal before', () => {
    expect(sourcesOf({ width: 3 }, 4)).to.deep.equal({
      right: { place: 3, weight: 0.5 },
      below: { place: 1, weight: 0.5 },
    });
    expect(sourcesOf({ width: 3 }, 2)).to.deep.equal({
      right: { place: 1, weight: 1 },
      below: { place: 1, weight: 0 },
    });
    expect(sourcesOf({ width: 3 }, 3)).to.deep.equal({
      right: { place: 0, weight: 0 },
      below: { place: 0, weight: 1 },
    });
    for (const grid of GRIDS) {
      const distances = entryDistances(grid);
      for (let position = 0; position < grid.height * grid.width; position++) {
        const { right, below } = sourcesOf(grid, position);
        expect(right.weight + below.weight).to.equal(1);
        for (const { place } of [right, below]) {
          expect(place).to.be.at.least(CLASS_PLACE);
          expect(distances[place + 1]).to.equal(distances[position + 1]! - 1);
        }
      }
    }
  });
});

describe('a mask by rank', () => {
  it('shows what is of the same rank or a lower one', async () => {
    const graph = makeGraph('mask', [], { mask: cast(rankMask([-1, 2, 0, 2]), 'i32') });
    for (const name of ['reference', 'onnx', 'gpujs:cpu']) {
      const { mask } = await runOnce(await resolveTarget(name), graph, new Map(), {});
      expect(mask!.shape).to.deep.equal([4, 4]);
      expect(Array.from(mask!.data), name).to.deep.equal([1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1]);
    }
  });
});
