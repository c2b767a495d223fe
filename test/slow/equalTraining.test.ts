import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { CONTENDERS } from '../../bench/equal/contenders.js';
import { readRecords } from '../../bench/equal/records.js';
import { HELD_OUT_DIGITS } from '../support/modelMetrics.js';
import { temporaryFolder } from '../support/temporary.js';

const program = fileURLToPath(new URL('../../bench/equalTraining.js', import.meta.url));

describe('the comparison of systems that are trained equally', () => {
  const temporary = temporaryFolder();
  const compare = (...more: readonly string[]) =>
    spawnSync(
      process.execPath,
      [
        ...[
          program,
          '--data',
          HELD_OUT_DIGITS,
          '--out',
          temporary('equal'),
          '--images',
          '32',
          '--batch',
          '4',
        ],
        ...['--steps', '2', '--tokenizer-steps', '2', '--samples', '10', ...more],
      ],
      { encoding: 'utf8' },
    );

  it('trains and measures all of them, then nothing twice, and is not mixed with another', () => {
    const first = compare();
    expect(first.status, first.stderr).to.equal(0);
    const records = readRecords(temporary('equal/measured.jsonl'));
    const count = (kind: string) => records.filter((record) => record.kind === kind).length;
    // Four numbers of passes where they can be chosen, twice with the step mask.
    const drawings = CONTENDERS.reduce(
      (sum, { choosesSteps, hasStepMask }) => sum + (choosesSteps ? 4 : 1) * (hasStepMask ? 2 : 1),
      0,
    );
    expect({ drawn: count('drawn'), network: count('network'), real: count('real') }).to.deep.equal({
      ...{ drawn: drawings, network: CONTENDERS.length, real: 4 },
    });
    for (const record of records) {
      if (record.kind !== 'network') expect(record.fid).to.be.within(0, 1000);
      // After two steps all of 256 codes are about as likely.
      if (record.kind === 'network' && record.name !== 'mar')
        expect(record.bitsPerToken, record.name).to.be.closeTo(8, 0.1);
    }
    expect(existsSync(temporary('equal/chart.png'))).to.equal(true);
    const again = compare();
    expect(again.stdout).to.equal(first.stdout);
    expect(readRecords(temporary('equal/measured.jsonl'))).to.deep.equal(records);
    const other = compare('--seed', '2');
    expect(other.status).to.equal(1);
    expect(other.stderr).to.include('name another folder');
  }).timeout(600_000);
});
