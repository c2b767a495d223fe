import { expect } from 'chai';
import { observe, type Span, withSpan } from '../../src/inspect/observer.js';
import { TraceRecorder } from '../../src/inspect/trace.js';
import { completeEvents, expectNested } from '../support/traces.js';

const span = (name: string, start: number, duration: number, thread?: string): Span => ({
  category: 'run',
  name,
  start,
  duration,
  args: {},
  ...(thread !== undefined && { thread }),
});

function recorded(...spans: readonly Span[]) {
  const recorder = new TraceRecorder();
  for (const one of spans) recorder.onSpan(one);
  return completeEvents([...recorder.json()].join(''));
}

describe('a trace', () => {
  it('holds times in microseconds, and what is known of the work', () => {
    const recorder = new TraceRecorder();
    recorder.onSpan({ category: 'pass', name: 'cse', start: 1.5, duration: 0.25, args: { graph: 'g' } });
    const [event] = completeEvents([...recorder.json()].join(''));
    expect(event).to.deep.include({ ph: 'X', name: 'cse', cat: 'pass', ts: 1500, dur: 250 });
    expect(event!.args).to.deep.equal({ graph: 'g' });
  });

  it('keeps what follows or contains each other on one thread', () => {
    const events = recorded(span('inner', 1, 2), span('outer', 0, 4), span('next', 4, 1));
    expect(events.map(({ name }) => name)).to.deep.equal(['outer', 'inner', 'next']);
    expect(new Set(events.map(({ tid }) => tid)).size).to.equal(1);
    expectNested(events);
  });

  it('gives work that overlaps a thread of its own, with its parts', () => {
    const events = recorded(span('a', 0, 4), span('b', 2, 4), span('part of b', 3, 0.5));
    const tidOf = (name: string) => events.find((event) => event.name === name)!.tid;
    expect(tidOf('b')).not.to.equal(tidOf('a'));
    expect(tidOf('part of b')).to.equal(tidOf('b'));
    expectNested(events);
  });

  it('forgives clocks that count whole microseconds, and nothing more', () => {
    const close = recorded(span('outer', 0, 1), span('part', 0.5, 0.501));
    expect(new Set(close.map(({ tid }) => tid)).size).to.equal(1);
    expectNested(close);
    const apart = recorded(span('outer', 0, 1), span('other', 0.5, 0.51));
    expect(new Set(apart.map(({ tid }) => tid)).size).to.equal(2);
  });

  it('keeps other threads apart', () => {
    const events = recorded(span('here', 0, 1), span('there', 0, 1, 'worker'));
    expect(new Set(events.map(({ tid }) => tid)).size).to.equal(2);
  });
});

describe('spans', () => {
  function watched<T>(work: () => T): { readonly spans: readonly Span[]; readonly result: T } {
    const spans: Span[] = [];
    const stop = observe({ onSpan: (one) => void spans.push(one) });
    try {
      return { result: work(), spans };
    } finally {
      stop();
    }
  }

  it('are not measured where nobody wants them', () => {
    const result = withSpan(
      'run',
      'r',
      () => expect.fail('arguments were made'),
      () => 7,
    );
    expect(result).to.equal(7);
  });

  it('are reported of work that fails, too', () => {
    const fail = () => {
      throw new Error('no');
    };
    const { spans } = watched(() => expect(() => withSpan('run', 'r', () => ({}), fail)).to.throw('no'));
    expect(spans.map(({ name }) => name)).to.deep.equal(['r']);
  });

  it('of asynchronous work end with it', async () => {
    const spans: Span[] = [];
    const stop = observe({ onSpan: (one) => void spans.push(one) });
    const done = withSpan(
      'run',
      'r',
      () => ({}),
      () => new Promise((resolve) => setTimeout(resolve, 20)),
    );
    expect(spans).to.deep.equal([]);
    await done;
    stop();
    expect(spans[0]!.duration).to.be.at.least(15);
  });

  it('go to each observer until it stops', () => {
    const [first, second]: [string[], string[]] = [[], []];
    const stopFirst = observe({ onSpan: ({ name }) => void first.push(name) });
    const stopSecond = observe({ onSpan: ({ name }) => void second.push(name) });
    withSpan(
      'run',
      'a',
      () => ({}),
      () => {},
    );
    stopFirst();
    withSpan(
      'run',
      'b',
      () => ({}),
      () => {},
    );
    stopSecond();
    withSpan(
      'run',
      'c',
      () => ({}),
      () => {},
    );
    expect([first, second]).to.deep.equal([['a'], ['a', 'b']]);
  });
});
