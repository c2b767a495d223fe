import { appendFileSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { qualityChartSvg } from '../../bench/equal/chart.js';
import { type Contender, CONTENDERS, STEPS } from '../../bench/equal/contenders.js';
import { LIKELIHOODS } from '../../bench/equal/likelihood.js';
import { configOf, requireEqualSizes } from '../../bench/equal/parameters.js';
import { type DrawnRecord, type EqualRecord, readRecords, recordOnce } from '../../bench/equal/records.js';
import { networkTable, qualityTable, realTable } from '../../bench/equal/table.js';
import { tokenCount } from '../../src/codes.js';
import { SYSTEM_NAMES } from '../../src/systems/registry.js';
import { temporaryFolder } from '../support/temporary.js';

const drawn = (
  name: string,
  passes: number,
  accuracy: number,
  fid: number,
  more: Partial<DrawnRecord> = {},
): DrawnRecord => ({
  ...{ kind: 'drawn', name, passes, asked: passes, causal: false, accuracy, fid, samples: 10 },
  ...more,
});

const RECORDS: readonly EqualRecord[] = [
  drawn('maskgit', 4, 0.5, 20),
  drawn('arpg', 16, 0.875, 5.04),
  drawn('arpg', 2, 0.25, 80),
  drawn('arpg', 2, 0.5, 40, { causal: true }),
  drawn('par', 7, 0.6, 10, { asked: 'own' }),
  { kind: 'network', name: 'mar', parameters: 1_088_016 },
  { kind: 'network', name: 'arpg', parameters: 1_043_880, bitsPerToken: 4.5 },
  { kind: 'real', name: 'vq', accuracy: 0.95, fid: 1.5, samples: 10 },
];

describe('systems that are trained equally', () => {
  it('are all that there are, and have the same number of parameters within a twentieth', () => {
    expect([...new Set(CONTENDERS.map(({ system }) => system))].sort()).to.deep.equal(
      [...SYSTEM_NAMES].sort(),
    );
    requireEqualSizes(CONTENDERS);
    const wider: Contender = {
      ...CONTENDERS[0]!,
      config: { dim: 132, n_layer: 6, n_head: 3, multiple_of: 32 },
    };
    expect(() => requireEqualSizes([wider])).to.throw('ARPG has 12');
  });

  it('have the tokens that are said, and steps that they can take', () => {
    for (const contender of CONTENDERS) {
      const { system, config } = configOf(contender);
      const { codes, grid } = system.config.facts(config);
      expect(tokenCount(codes, grid), contender.name).to.equal(contender.tokens);
      expect(system.choices.steps, contender.name).to.equal(contender.choosesSteps);
      if (contender.choosesSteps) expect(STEPS.at(-1)).to.equal(contender.tokens);
    }
    expect(Object.keys(LIKELIHOODS).sort()).to.deep.equal([...SYSTEM_NAMES].sort());
  });

  it('come into tables in their order, passes ascending, gaps left empty', () => {
    expect(qualityTable(RECORDS)).to.equal(
      [
        '| recognised, % / Fréchet distance | 2 passes | 4 passes | 7 passes | 16 passes |',
        '| --- | --- | --- | --- | --- |',
        '| ARPG | 25.0 / 80.0 |  |  | 87.5 / 5.0 |',
        '| ARPG, causal steps | 50.0 / 40.0 |  |  |  |',
        '| PAR |  |  | 60.0 / 10.0 |  |',
        '| MaskGIT |  | 50.0 / 20.0 |  |  |',
        '',
      ].join('\n'),
    );
    expect(networkTable(RECORDS).split('\n').slice(2)).to.deep.equal([
      '| ARPG | 1.044 M | 16 | 4.500 |',
      '| MAR | 1.088 M | 16 |  |',
      '',
    ]);
    expect(realTable(RECORDS)).to.include('| the same through the shared tokenizer | 95.0 | 1.5 |');
  });

  it('come into a chart: a line for each, dashed under the step mask, more passes farther right', () => {
    const svg = qualityChartSvg(RECORDS);
    // Twice four lines.
    const lines = [
      ...svg.matchAll(/<polyline fill="none" stroke="(\S+)" stroke-width="2"( \S+ \d+")? points="([^"]+)"/g),
    ];
    expect(lines).to.have.length(8);
    const [accuracy, causal] = lines as [RegExpMatchArray, RegExpMatchArray];
    expect(causal[1]).to.equal(accuracy[1]);
    expect([accuracy[2], causal[2]].map(Boolean)).to.deep.equal([false, true]);
    const [first, last] = accuracy[3]!.split(' ').map((point) => point.split(',').map(Number));
    expect(last![0]).to.be.greaterThan(first![0]!);
    // A quarter recognised lies lower than seven eighths do, and 80 higher than 5 in the other diagram.
    expect(first![1]).to.be.greaterThan(last![1]!);
    const [far, near] = lines[4]![3]!.split(' ').map((point) => Number(point.split(',')[1]));
    expect(far).to.be.below(near!);
    for (const [, , , points] of lines) expect(points).to.not.include('NaN');
    expect(qualityChartSvg([])).to.not.include('NaN');
  });
});

describe('records of measurements', () => {
  const temporary = temporaryFolder();

  it('are measured once each, and a line that was cut off is measured anew', async () => {
    const file = temporary('measured.jsonl');
    let measured = 0;
    const measure = (record: DrawnRecord, key: string) =>
      recordOnce(file, key, async () => {
        measured++;
        return record;
      });
    const [one, other] = [drawn('arpg', 2, 0.5, 4), drawn('arpg', 2, 0.75, 3, { causal: true })];
    await measure(one, 'drawn arpg 2');
    await measure(other, 'drawn arpg 2 causal');
    expect(await measure(other, 'drawn arpg 2')).to.deep.equal(one);
    expect([measured, readRecords(file)]).to.deep.equal([2, [one, other]]);
    appendFileSync(file, '{"kind":"drawn","name":"ar');
    await measure(drawn('arpg', 4, 0.5, 4), 'drawn arpg 4');
    expect(readRecords(file)).to.have.length(3);
    expect(readFileSync(file, 'utf8')).to.match(/\n$/);
  });
});
