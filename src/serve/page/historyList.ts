import type { DrawKind } from './api.js';
import { byId, element } from './dom.js';
import type { DrawSettings } from './settings.js';

/** A picture that was drawn. */
export interface HistoryEntry {
  /** A data URL. */
  readonly image: string;
  readonly width: number;
  readonly height: number;
  readonly kind: DrawKind;
  readonly model: string;
  readonly classIndex: number | null;
  readonly title: string;
  readonly seed: number;
  /** Number of the picture under the seed. */
  readonly picture: number;
  readonly settings: DrawSettings;
}

const KEY = 'arpg-history';
const MAX_ENTRIES = 60;

function readKept(): readonly HistoryEntry[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? (kept as HistoryEntry[]) : [];
  } catch {
    return [];
  }
}

/** Keeps as many entries as the browser has room for, the newest first. */
function keep(entries: readonly HistoryEntry[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
  } catch {
    if (entries.length > 1) keep(entries.slice(0, Math.floor(entries.length / 2)));
  }
}

/** What was drawn, the newest first. */
export interface HistoryList {
  add(entry: HistoryEntry): void;
  setCurrent(entry: HistoryEntry | undefined): void;
}

/** Wires the list. @param onChoose hears of the entry that is chosen */
export function createHistory(onChoose: (entry: HistoryEntry) => void): HistoryList {
  const list = byId('history', HTMLOListElement);
  const none = byId('no-history', HTMLElement);
  const forget = byId('forget', HTMLButtonElement);
  let entries = readKept();
  let current: HistoryEntry | undefined;

  const show = () => {
    none.hidden = entries.length > 0;
    forget.hidden = entries.length === 0;
    const items = entries.map((entry) => {
      const label = `${entry.title}, seed ${entry.seed}, ${entry.model}`;
      const button = element(
        'button',
        { type: 'button', title: label, 'aria-label': label },
        element('img', { src: entry.image, alt: '', ...(entry.width < 128 && { class: 'small' }) }),
        element('b', {}, entry.title),
        element('small', {}, `seed ${entry.seed}`),
      );
      if (entry === current) button.setAttribute('aria-current', 'true');
      button.addEventListener('click', () => onChoose(entry));
      return element('li', {}, button);
    });
    list.replaceChildren(...items);
  };
  forget.addEventListener('click', () => {
    entries = [];
    localStorage.removeItem(KEY);
    show();
  });
  show();
  return {
    add(entry) {
      entries = [entry, ...entries].slice(0, MAX_ENTRIES);
      keep(entries);
      show();
    },
    setCurrent(entry) {
      current = entry;
      show();
    },
  };
}
