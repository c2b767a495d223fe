import { expect } from 'chai';
import { formatTime, progressLine, type ProgressState } from '../../src/cli/progressLine.js';
import { watchTime } from '../../src/cli/timeLeft.js';
import { ARPG_SHELL, ISOLATED } from '../support/cli.js';
import { onTerminal } from '../support/pty.js';
import { temporaryFolder } from '../support/temporary.js';

const STATE: ProgressState = {
  title: 'sampling',
  share: 0.456,
  count: '3/16',
  unit: 'pictures',
  secondsLeft: 75,
};

describe('a progress line', () => {
  it('fits any width, and says first what matters most', () => {
    expect(progressLine(STATE, 120)).to.match(/^sampling █{18}░{22} 3\/16 pictures \| 1 min 15 s left$/);
    expect(progressLine(STATE, 40)).to.match(
      /^sampling █+░+ 1 min 15 s left$|^sampling █+░+ 3\/16 \| 1 min 15 s left$/,
    );
    expect(progressLine({ ...STATE, secondsLeft: undefined }, 80)).to.match(/3\/16 pictures$/);
    const training = {
      ...STATE,
      title: 'training',
      unit: 'steps | loss 4.1234 | 120.5 images/s',
      count: '100/2000',
    };
    for (let width = 1; width <= 200; width++)
      for (const state of [STATE, training, { ...STATE, title: 'tokenizer/model.safetensors' }])
        expect([...progressLine(state, width)].length, `${width}`).to.be.below(Math.max(width, 1));
  });

  it('tells times in two units at most', () => {
    const told = [0, 7.2, 60, 65, 3599, 3600, 7810].map(formatTime);
    expect(told).to.deep.equal([
      '0 s',
      '8 s',
      '1 min',
      '1 min 5 s',
      '59 min 59 s',
      '1 h 0 min',
      '2 h 10 min',
    ]);
  });
});

describe('the time left', () => {
  it('is told from the second step on, without what was loaded for the first', () => {
    const time = watchTime(10);
    expect(time.at(0)).to.equal(undefined);
    time.update(1, 5000);
    expect(time.at(5000)).to.equal(undefined);
    time.update(2, 6000);
    expect(time.at(6000)).to.equal(8);
    expect(time.at(7000)).to.equal(7);
    time.update(2, 8000);
    time.update(10, 14_000);
    expect(time.at(14_000)).to.equal(0);
  });
});

/** What a terminal shows in the end: of each line what was drawn after it was last cleared. */
function shown(text: string): readonly string[] {
  return text.split(/\r?\n/).map((line) =>
    line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal acts on
      .replace(/^.*(?:\u001b\[2K|\r\u001b\[K)/, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal acts on
      .replace(/\u001b\[[?0-9;]*[A-Za-z]|\u001b[78]/g, ''),
  );
}

describe('bars on a terminal', () => {
  const temporary = temporaryFolder();
  const sample = `${ARPG_SHELL} sample -m tiny -c 3 -s 1 -n 40 --batch 1`;
  const env = ISOLATED;

  for (const columns of [40, 120])
    it(`go by the work and fit ${columns} columns, and nothing is left of them`, function () {
      const text = onTerminal(`${sample} -o ${temporary(`${columns}`)}/`, columns, env);
      if (text === undefined) return this.skip();
      const bars = text.match(/sampling [█░]+[^\p{Cc}]*/gu) ?? [];
      expect(bars.length).to.be.above(1);
      for (const bar of bars) expect([...bar].length, bar).to.be.below(columns);
      expect(shown(text).join('\n')).to.not.include('█').and.not.include('░');
    });

  it('are cleared when the program is stopped', function () {
    const many = sample.replace('-n 40', '-n 5000');
    const text = onTerminal(`timeout -s INT 5 ${many} -o ${temporary('stopped')}/`, 80, env);
    if (text === undefined) return this.skip();
    expect(text).to.include('░');
    expect(shown(text).join('\n')).to.not.include('█').and.not.include('░');
    // The cursor is never hidden, and lines are wrapped again.
    expect(text).to.not.include('\u001b[?25l');
    expect(text.lastIndexOf('\u001b[?7h')).to.be.above(text.lastIndexOf('\u001b[?7l'));
  });
});
