import { expect } from 'chai';
import { eventsOf, named, post, serveDigits } from '../support/server.js';

const CLIENTS = 200;

/** The value below which a share of the values lie. */
const quantile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!;

/** Milliseconds and status of a request. */
interface Answered {
  readonly status: number;
  readonly milliseconds: number;
  readonly pictures: number;
}

describe('200 requests at once', () => {
  const askAll = async (queue: number) => {
    const server = await serveDigits({ limits: { queue } });
    try {
      await eventsOf(post(server, '/v1/arpg/sample', { class: 1 }));
      const start = performance.now();
      const ask = async (_: unknown, index: number): Promise<Answered> => {
        const isNative = index % 2 === 0;
        const answer = isNative
          ? await post(server, '/v1/arpg/sample', { class: index % 10, seed: index })
          : await post(server, '/v1/images/generations', { prompt: String(index % 10), seed: index });
        const { status } = answer;
        if (status === 429) expect(Number(answer.headers.get('retry-after'))).to.be.within(1, 300);
        const pictures =
          status !== 200
            ? 0
            : isNative
              ? named(await eventsOf(answer), 'picture').length
              : ((await answer.json()) as { data: object[] }).data.length;
        return { status, pictures, milliseconds: performance.now() - start };
      };
      const answers = await Promise.all(Array.from({ length: CLIENTS }, ask));
      const seconds = (performance.now() - start) / 1000;
      const drawn = answers.filter(({ status }) => status === 200);
      const times = drawn.map(({ milliseconds }) => milliseconds);
      const figures = `queue ${queue}: ${drawn.length} drawn, ${CLIENTS - drawn.length} told to come again in ${seconds.toFixed(2)} s; ${(drawn.length / seconds).toFixed(1)} pictures/s; waited ${quantile(times, 0.5).toFixed(0)} ms (half), ${quantile(times, 0.99).toFixed(0)} ms (99 of 100); memory ${Math.round(process.memoryUsage().rss / 1e6)} MB`;
      process.stdout.write(`      ${figures}\n`);
      return answers;
    } finally {
      await server.stop();
    }
  };

  it('are all drawn where the queue has room', async () => {
    const answers = await askAll(CLIENTS);
    expect(answers.filter(({ status, pictures }) => status === 200 && pictures === 1)).to.have.length(
      CLIENTS,
    );
  });

  it('are drawn or told to come again where it has not', async () => {
    const answers = await askAll(32);
    const drawn = answers.filter(({ status }) => status === 200);
    expect(drawn.length).to.be.at.least(32);
    expect(drawn.every(({ pictures }) => pictures === 1)).to.equal(true);
    expect(answers.every(({ status }) => status === 200 || status === 429)).to.equal(true);
  });
});
