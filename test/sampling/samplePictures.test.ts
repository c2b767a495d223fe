import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { classCondition } from '../../src/conditions/condition.js';
import { samplePictures, type SamplePicturesOptions } from '../../src/sampling/samplePictures.js';
import type { Sampler } from '../../src/sampling/sampler.js';
import { indexCodes } from '../support/codes.js';

const STEPS = 3;

const options: SamplePicturesOptions = {
  steps: STEPS,
  schedule: 'arccos',
  seed: 0,
  guidance: 1,
  guidanceSchedule: 'constant',
  temperature: 1,
  topK: 0,
  topP: 1,
  batch: 2,
  orderOf: () => [0],
};

const pictures = [0, 1, 2, 3, 4].map((index) => ({ index, condition: classCondition(index) }));

/** A sampler that takes its time over each step, and writes down when it samples what. */
function slowSampler(events: string[], failsAt?: number): Sampler {
  return {
    grid: { height: 1, width: 1 },
    hasFixedSteps: false,
    async sample(batch, { signal }) {
      const name = batch.map(({ index }) => index).join('');
      events.push(`${name} begins`);
      for (let step = 0; step < STEPS; step++) {
        signal?.throwIfAborted();
        await delay(2);
      }
      if (batch.some(({ index }) => index === failsAt)) throw new Error('no more memory');
      events.push(`${name} ends`);
      return batch.map(({ index }) => indexCodes([index]));
    },
    async dispose() {},
  };
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it was expected to fail'),
    (error: unknown) => error,
  );
}

describe('pictures in batches', () => {
  it('are finished in order, each batch beside the sampling of the next and no further behind', async () => {
    const events: string[] = [];
    const codes = await samplePictures(slowSampler(events), pictures, options, {
      async onPicture(index, { tokens: [token] }) {
        expect(token).to.equal(index);
        events.push(`${index} in`);
        await delay(20);
        events.push(`${index} out`);
      },
    });
    expect(codes.map(({ tokens: [token] }) => token)).to.deep.equal([0, 1, 2, 3, 4]);
    const at = (event: string) => {
      expect(events).to.include(event);
      return events.indexOf(event);
    };
    expect(events.filter((event) => event.endsWith('in') || event.endsWith('out'))).to.deep.equal(
      [0, 1, 2, 3, 4].flatMap((index) => [`${index} in`, `${index} out`]),
    );
    // The second batch is sampled while the first is finished, the third only when the first is done.
    expect(at('23 begins')).to.be.below(at('0 out'));
    expect(at('23 ends')).to.be.below(at('1 out'));
    expect(at('4 begins')).to.be.above(at('1 out'));
  });

  it('tell when the sampler is needed no more, before the last batch is finished', async () => {
    const events: string[] = [];
    await samplePictures(slowSampler(events), pictures, options, {
      onPicture: (index) => void events.push(`${index} in`),
      async onSampled() {
        await delay(5);
        events.push('sampled');
      },
    });
    expect(events.slice(-3)).to.deep.equal(['4 ends', 'sampled', '4 in']);
    expect(events.filter((event) => event === 'sampled')).to.have.length(1);
  });

  it('end with the failure of a listener, which stops sampling and what would have come after', async () => {
    const events: string[] = [];
    const failure = await failureOf(
      samplePictures(slowSampler(events), pictures, options, {
        onPicture(index) {
          events.push(`${index} in`);
          if (index === 0) throw new Error('the disk is full');
        },
      }),
    );
    expect((failure as Error).message).to.equal('the disk is full');
    const sofar = [...events];
    await delay(30);
    expect(events).to.deep.equal(sofar);
    expect(events).to.deep.equal(['01 begins', '01 ends', '0 in', '23 begins']);
  });

  it('end with the failure of the last listener', async () => {
    const failure = await failureOf(
      samplePictures(slowSampler([]), pictures, options, {
        async onPicture(index) {
          await delay(1);
          if (index === 4) throw new Error('the disk is full');
        },
      }),
    );
    expect((failure as Error).message).to.equal('the disk is full');
  });

  it('end with the failure of sampling when the batch before is finished', async () => {
    const events: string[] = [];
    const failure = await failureOf(
      samplePictures(slowSampler(events, 2), pictures, options, {
        async onPicture(index) {
          await delay(20);
          events.push(`${index} out`);
        },
      }),
    );
    expect((failure as Error).message).to.equal('no more memory');
    expect(events.slice(-2)).to.deep.equal(['0 out', '1 out']);
  });

  it('end with the reason of a signal', async () => {
    const controller = new AbortController();
    const events: string[] = [];
    const failure = await failureOf(
      samplePictures(
        slowSampler(events),
        pictures,
        { ...options, signal: controller.signal },
        { onPicture: () => controller.abort(new Error('enough')) },
      ),
    );
    expect((failure as Error).message).to.equal('enough');
    expect(events).to.not.include('23 ends');
  });
});
