import { expect } from 'chai';
import { philox, type PhiloxWords } from '../../src/random/philox.js';
import { compiledPhiloxRun, plainPhiloxRun, RUN_WORDS } from '../../src/random/philoxRun.js';

/** The known answers of Random123, the authors' library: counter, key, words. */
const KNOWN: readonly (readonly [PhiloxWords, readonly [number, number], PhiloxWords])[] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

const RUNS = { compiled: compiledPhiloxRun, plain: plainPhiloxRun };

describe('Philox', () => {
  it('gives the known answers', () => {
    for (const [counter, key, words] of KNOWN) expect(philox(counter, key)).to.deep.equal(words);
  });

  for (const [name, makeRun] of Object.entries(RUNS)) {
    it(`gives the known answers in a ${name} run`, () => {
      for (const [[c0, c1, c2, c3], [k0, k1], words] of KNOWN)
        expect(Array.from(makeRun()(c0, c1, c2, c3, k0, k1).subarray(0, 4))).to.deep.equal(words);
    });

    it(`gives the words of counters that follow each other in a ${name} run`, () => {
      const run = makeRun();
      // The counter's first word begins anew after its largest.
      const firsts = [0, 16, 4096, 0x7ffffff8, 0xfffffff8];
      for (const [index, first] of firsts.entries()) {
        const [c1, c2, c3, k0, k1] = philox([index, 0, 0, 0], [1, 2]).concat(0x9e3779b9 + index) as [
          ...PhiloxWords,
          number,
        ];
        const words = Array.from(run(first, c1, c2, c3, k0, k1));
        const expected = Array.from({ length: RUN_WORDS / 4 }, (_, counter) =>
          philox([(first + counter) >>> 0, c1, c2, c3], [k0, k1]),
        ).flat();
        expect(words).to.deep.equal(expected);
      }
    });
  }
});
