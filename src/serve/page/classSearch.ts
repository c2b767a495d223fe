import type { ClassObject } from '../wire.js';
import { findShown, type ShownClass, shownClass } from './classRank.js';
import { byId, element } from './dom.js';

/** As many as are worth to scroll through. */
const MAX_SHOWN = 60;

/** The field that names a class, with a list of those that fit. */
export interface ClassSearch {
  /** The class to draw, as the server takes it; undefined where none is named. */
  chosen(): string | undefined;
  /** Whether something is typed that is no class. */
  isWrong(): boolean;
  setClasses(classes: readonly ClassObject[]): void;
  /** Chooses the class of an index. */
  choose(index: number | null): void;
  focus(): void;
}

/** The text with what was typed marked. */
function marked(text: string, typed: string): readonly (Node | string)[] {
  const at = typed === '' ? -1 : text.toLowerCase().indexOf(typed.toLowerCase());
  if (at < 0) return [text];
  const end = at + typed.length;
  return [text.slice(0, at), element('mark', {}, text.slice(at, end)), text.slice(end)];
}

/** Wires the search of classes. @param onChange hears when another class is chosen */
export function createClassSearch(onChange: () => void): ClassSearch {
  const input = byId('class', HTMLInputElement);
  const list = byId('classes', HTMLElement);
  const note = byId('class-note', HTMLElement);
  let classes: readonly ShownClass[] = [];
  let shown: readonly ShownClass[] = [];
  let active = -1;
  let choice: ShownClass | undefined;

  const isOpen = () => !list.hidden;
  const setActive = (index: number) => {
    active = index;
    for (const [at, item] of [...list.children].entries())
      item.setAttribute('aria-selected', String(at === index));
    const item = list.children[index];
    if (item) {
      input.setAttribute('aria-activedescendant', item.id);
      item.scrollIntoView({ block: 'nearest' });
    } else input.removeAttribute('aria-activedescendant');
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const take = (own: ShownClass | undefined) => {
    choice = own;
    if (own) input.value = own.title;
    note.textContent = own ? [own.group, `index ${own.index}`].filter(Boolean).join(' · ') : '';
    input.setCustomValidity('');
    onChange();
  };
  const open = (typed: string) => {
    shown = findShown(classes, typed, MAX_SHOWN);
    const items = shown.map((own, at) => {
      const item = element('div', { role: 'option', id: `class-${at}`, 'aria-selected': 'false' });
      item.append(element('span', {}, ...marked(own.title, typed.trim())));
      if (own.group !== '') item.append(element('small', {}, own.group));
      // The field keeps the focus.
      item.addEventListener('pointerdown', (event) => event.preventDefault());
      item.addEventListener('click', () => {
        take(own);
        close();
      });
      return item;
    });
    const nothing = element(
      'div',
      { class: 'none', role: 'option', 'aria-disabled': 'true' },
      'No class of that name',
    );
    list.replaceChildren(...(items.length > 0 ? items : [nothing]));
    list.hidden = classes.length === 0;
    input.setAttribute('aria-expanded', String(!list.hidden));
    setActive(typed.trim() === '' || shown.length === 0 ? -1 : 0);
  };
  input.addEventListener('input', () => {
    open(input.value);
    const exact = shown.find(({ title, key }) =>
      [title, key].some((name) => name.toLowerCase() === input.value.trim().toLowerCase()),
    );
    choice = exact;
    note.textContent = '';
    onChange();
  });
  input.addEventListener('focus', () => input.select());
  input.addEventListener('click', () => {
    if (!isOpen()) open(choice ? '' : input.value);
  });
  input.addEventListener('blur', () => {
    // What fits best is what was meant.
    if (choice === undefined && input.value.trim() !== '' && shown[0] && isOpen()) take(shown[0]);
    close();
  });
  input.addEventListener('keydown', (event) => {
    const last = shown.length - 1;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen()) open(choice ? '' : input.value);
      else if (event.key === 'ArrowDown') setActive(active >= last ? 0 : active + 1);
      else setActive(active <= 0 ? last : active - 1);
    } else if (event.key === 'Enter' && isOpen() && !event.ctrlKey && !event.metaKey) {
      const own = shown[active];
      if (own) {
        event.preventDefault();
        take(own);
      }
      close();
    } else if (event.key === 'Escape' && isOpen()) {
      event.stopPropagation();
      close();
    }
  });
  return {
    chosen: () => choice?.key,
    isWrong: () => choice === undefined && input.value.trim() !== '',
    setClasses(own) {
      classes = own.map(shownClass);
      input.value = '';
      input.disabled = false;
      input.placeholder = `Search ${classes.length} classes`;
      take(undefined);
    },
    choose: (index) => {
      if (index === null) input.value = '';
      take(classes.find((own) => own.index === index));
    },
    focus: () => input.focus(),
  };
}
