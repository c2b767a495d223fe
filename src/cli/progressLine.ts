/** What a bar shows. */
export interface ProgressState {
  readonly title: string;
  /** From 0 to 1. */
  readonly share: number;
  /** What is done of what there is to do, in whole numbers. */
  readonly count: string;
  /** What is counted, and what else there is to say. */
  readonly unit: string;
  /** Undefined where nothing can be told yet. */
  readonly secondsLeft: number | undefined;
}

const CELLS = { fewest: 10, most: 40 } as const;

/** A time in two units at most: `8 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function bar(share: number, cells: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * cells);
  return '█'.repeat(full) + '░'.repeat(cells - full);
}

/**
 * A bar and what is said of it on one line of a terminal: what matters least is left out where there is no room.
 * @param width columns of the terminal; the last stays free, so that no terminal begins a new line
 */
export function progressLine(
  { title, share, count, unit, secondsLeft }: ProgressState,
  width: number,
): string {
  const percent = `${Math.floor(100 * share)} %`;
  const left = secondsLeft === undefined ? '' : `${formatTime(secondsLeft)} left`;
  const join = (...parts: readonly string[]) => parts.filter((part) => part !== '').join(' | ');
  const endings = [join(`${count} ${unit}`, left), join(count, left), join(percent, left), left || percent];
  const room = width - 1;
  for (const ending of endings) {
    const cells = room - [...title].length - [...ending].length - 2;
    if (cells >= CELLS.fewest) return `${title} ${bar(share, Math.min(CELLS.most, cells))} ${ending}`;
  }
  return [...`${title} ${percent}`].slice(0, Math.max(0, room)).join('');
}
