import { expect } from 'chai';
import { findShown, shownClass } from '../../src/serve/page/classRank.js';
import { splitEvents } from '../../src/serve/page/eventText.js';
import {
  change,
  emptyMask,
  inverted,
  isEmpty,
  redo,
  startHistory,
  stroke,
  undo,
} from '../../src/serve/page/maskModel.js';

const CLASSES = [
  'activities/event/flags',
  'flags/country-flag/flag_de',
  'food/hot_dog',
  'animals/dog',
  'dog face, puppy',
]
  .map((name, index) => ({ index, name }))
  .map(shownClass);

const titles = (typed: string) => findShown(CLASSES, typed, 10).map(({ title }) => title);

describe('parts of the page', () => {
  it('name classes by the last part of their names', () => {
    expect(CLASSES[1]).to.deep.equal({
      ...{ index: 1, key: 'flags/country-flag/flag_de', title: 'flag de', group: 'flags › country flag' },
      others: '',
    });
    expect(shownClass({ index: 7, name: null })).to.include({ key: '7', title: 'Class 7' });
  });

  it('find classes by words of names, groups and synonyms, those that begin so first', () => {
    expect(titles('dog')).to.deep.equal(['dog', 'dog face, puppy', 'hot dog']);
    expect(titles('DOG hot')).to.deep.equal(['hot dog']);
    expect(titles('puppy')).to.deep.equal(['dog face, puppy']);
    expect(titles('flag-de')).to.deep.equal(['flag de']);
    expect(titles('country')).to.deep.equal(['flag de']);
    expect(titles('4')).to.deep.equal(['dog face, puppy']);
    expect(titles('')).to.have.length(5);
    expect(titles('giraffe')).to.deep.equal([]);
  });

  it('find classes by their other names, the very one before those that have its words', () => {
    const classes = [
      { index: 0, name: 'a/ring', other_names: ['wedding band'] },
      { index: 1, name: 'a/drum', other_names: ['band'] },
    ].map(shownClass);
    expect(findShown(classes, 'band', 10).map(({ title }) => title)).to.deep.equal(['drum', 'ring']);
    expect(findShown(classes, 'wedding-band', 10).map(({ title }) => title)).to.deep.equal(['ring']);
  });

  it('split events however the stream is cut', () => {
    const text = 'event: start\ndata: {"a":1}\n\n: still here\n\nevent: done\ndata: {}\n\nevent: pic';
    const whole = splitEvents(text);
    expect(whole.events).to.deep.equal([
      { name: 'start', data: '{"a":1}' },
      { name: 'done', data: '{}' },
    ]);
    expect(whole.rest).to.equal('event: pic');
    for (let cut = 0; cut <= text.length; cut++) {
      const first = splitEvents(text.slice(0, cut));
      const second = splitEvents(first.rest + text.slice(cut));
      expect([...first.events, ...second.events], `cut at ${cut}`).to.deep.equal(whole.events);
    }
  });

  it('paint round strokes within the picture', () => {
    const painted = stroke(emptyMask(10, 8), { x: 2, y: 4 }, { x: 7, y: 4 }, 4, 255);
    const at = (x: number, y: number) => painted.data[y * 10 + x];
    expect([at(0, 3), at(1, 3), at(8, 4), at(9, 4)]).to.deep.equal([255, 255, 255, 0]);
    expect([at(4, 1), at(4, 2), at(4, 5), at(4, 6)]).to.deep.equal([0, 255, 255, 0]);
    expect(isEmpty(stroke(emptyMask(4, 4), { x: -9, y: -9 }, { x: -5, y: -5 }, 3, 255))).to.equal(true);
    const dot = stroke(emptyMask(4, 4), { x: 1.2, y: 1.2 }, { x: 1.2, y: 1.2 }, 1, 255);
    expect(dot.data[5]).to.equal(255);
    expect(stroke(painted, { x: 4, y: 4 }, { x: 4, y: 4 }, 2, 0).data[44]).to.equal(0);
  });

  it('undo and redo what was painted, as far as it goes', () => {
    const start = startHistory(emptyMask(2, 2));
    const full = inverted(start.current);
    const painted = change(start, full);
    expect(undo(painted).current).to.equal(start.current);
    expect(redo(undo(painted)).current).to.equal(full);
    expect(undo(start)).to.deep.equal(start);
    expect(redo(painted)).to.deep.equal(painted);
    expect(change(undo(painted), full).future).to.deep.equal([]);
    const many = Array.from({ length: 99 }).reduce<typeof start>((own) => change(own, full), start);
    expect(many.past).to.have.length(50);
  });
});
