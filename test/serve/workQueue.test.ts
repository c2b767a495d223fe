import { expect } from 'chai';
import type { ApiError } from '../../src/serve/apiError.js';
import { WorkQueue } from '../../src/serve/workQueue.js';

const forever = new AbortController().signal;

/** Work that ends when it is told to. */
function heldWork() {
  let end = () => {};
  const promise = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => promise, end };
}

describe('the queue of work', () => {
  it('does one piece at a time, in the order in which it came', async () => {
    const queue = new WorkQueue(5);
    const log: string[] = [];
    const piece = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise((done) => setTimeout(done, 1));
      log.push(`${name} ends`);
    };
    const ahead: number[] = [];
    await Promise.all(
      ['a', 'b', 'c'].map((name) => queue.enter().run(forever, piece(name), (count) => ahead.push(count))),
    );
    expect(log).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(ahead).to.deep.equal([1, 2]);
    expect(queue.taken).to.equal(0);
  });

  it('refuses more than it has places for, and says when to come again', () => {
    const queue = new WorkQueue(2);
    const first = queue.enter();
    queue.enter();
    let failure: ApiError | undefined;
    try {
      queue.enter();
    } catch (error) {
      failure = error as ApiError;
    }
    expect(failure?.status).to.equal(429);
    expect(failure?.details.retryAfter).to.be.within(1, 300);
    first.leave();
    first.leave();
    expect(queue.taken).to.equal(1);
    expect(() => queue.enter()).not.to.throw();
  });

  it('lets those who leave go, and goes on with the others', async () => {
    const queue = new WorkQueue(5);
    const { work, end } = heldWork();
    const running = queue.enter().run(forever, work);
    const leaving = new AbortController();
    const left = queue.enter().run(leaving.signal, () => Promise.resolve('never'));
    const next = queue.enter().run(forever, () => Promise.resolve('next'));
    leaving.abort(new Error('left'));
    expect(await left.catch((error: Error) => error.message)).to.equal('left');
    expect(queue.taken).to.equal(2);
    end();
    await running;
    expect(await next).to.equal('next');
  });

  it('goes on after work that fails', async () => {
    const queue = new WorkQueue(2);
    const failed = queue.enter().run(forever, () => Promise.reject(new Error('broken')));
    const next = queue.enter().run(forever, () => Promise.resolve(1));
    expect(await failed.catch((error: Error) => error.message)).to.equal('broken');
    expect(await next).to.equal(1);
  });

  it('is drained when all places are free', async () => {
    const queue = new WorkQueue(2);
    await queue.drained();
    const { work, end } = heldWork();
    const running = queue.enter().run(forever, work);
    let isDrained = false;
    const drained = queue.drained().then(() => {
      isDrained = true;
    });
    await new Promise((done) => setTimeout(done, 5));
    expect(isDrained).to.equal(false);
    end();
    await Promise.all([running, drained]);
    expect(isDrained).to.equal(true);
  });
});
