import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'chai';
import { failureOf, post, serveDigits } from '../support/server.js';

describe('a server that gets large bodies', () => {
  it('is not held up by bodies of many values or deep ones', async () => {
    const large = await serveDigits();
    try {
      const size = 15 * 2 ** 20;
      for (const [name, body] of Object.entries({
        nested: '['.repeat(size),
        closed: '['.repeat(size / 2) + ']'.repeat(size / 2),
        objects: '{"a":'.repeat(size / 5),
        values: `{"image":[${'1,'.repeat(size / 2 - 10)}1]}`,
        texts: `{"image":[${'"",'.repeat(size / 3 - 10)}""]}`,
        names: `{${'"a":1,'.repeat(size / 6 - 10)}"a":1}`,
        escapes: `{"image":"${'\\"'.repeat(size / 2 - 10)}"}`,
      })) {
        const held = monitorEventLoopDelay({ resolution: 5 });
        held.enable();
        const failure = await failureOf(post(large, '/v1/arpg/inpaint', body));
        held.disable();
        expect(failure.status, name).to.equal(name === 'escapes' ? 400 : 413);
        expect(held.max / 1e6, `${name}: milliseconds that nothing else was done`).to.be.below(600);
      }
    } finally {
      await large.stop();
    }
  });
});
