import { expect } from 'chai';
import { InputError, MAX_JOB_BYTES, parseJob } from '../../src/index.js';

const refusal = (line: string): string => {
  try {
    parseJob(line, 3, 'jobs');
  } catch (error) {
    expect(error).to.be.instanceOf(InputError);
    return (error as Error).message;
  }
  return expect.fail(`${line} accepted`);
};

describe('lines of jobs', () => {
  it('hold any setting under the name of its flag', () => {
    const fields = {
      output: 'a/b.png',
      class: 'tabby cat',
      seed: 2 ** 53 - 1,
      picture: 4,
      size: '64x32',
      rope: 'interpolate',
      scale: 2,
      'scale-filter': 'lanczos',
      quality: 80,
      steps: 8,
      schedule: 'cosine',
      guidance: 1.5,
      'guidance-schedule': 'constant',
      temperature: 0.9,
      'top-k': 3,
      'top-p': 0.5,
      order: [1, 0],
      'guidance-interval': 5,
    };
    const { place, number, fields: read } = parseJob(JSON.stringify(fields), 3, 'jobs');
    expect(read).to.deep.equal(fields);
    expect([place, number]).to.deep.equal(['jobs: line 3', 3]);
    expect(parseJob('{"class":3,"output":"x"}', 1, 'jobs').fields.class).to.equal(3);
  });

  it('say which line and field is wrong', () => {
    expect(refusal('{"outptu":"a.png"}')).to.equal(
      "jobs: line 3: field 'outptu' is unknown; did you mean 'output'?",
    );
    expect(refusal('{"zzz":1}')).to.match(
      /field 'zzz' is unknown; fields are named as the flags: output, class,/,
    );
    expect(refusal('{"class":3}')).to.include("jobs: line 3: must have required property 'output'");
    for (const [name, value] of [
      ['steps', 1.5],
      ['steps', '8'],
      ['seed', -1],
      ['guidance', '3'],
      ['schedule', 'none'],
      ['order', 'order.json'],
      ['order', [0.5]],
      ['class', true],
      ['scale', 65],
      ['rope', 'x'],
      ['quality', 0],
    ] as const)
      expect(refusal(JSON.stringify({ output: 'a.png', [name]: value })), name).to.include(
        `jobs: line 3: field '${name}`,
      );
  });

  it('are objects of JSON and of bounded length', () => {
    for (const line of ['x', '[]', '3', 'null', '{"output":"a","output":"b"}', '{"__proto__":1}'])
      expect(refusal(line)).to.match(/^jobs: line 3: /);
    expect(refusal(`{"output":"${'x'.repeat(MAX_JOB_BYTES)}"}`)).to.include('it is longer than');
    expect(refusal(JSON.stringify({ ['\u001b[31m'.repeat(100)]: 1 }))).to.not.include('\u001b');
  });
});
