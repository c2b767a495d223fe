/**
 * Letters as strokes, so that charts read the same on machines without fonts. Points are column and row: capitals reach
 * from row 0 to the baseline in row 6, small letters from row 2, and what hangs below ends in row 8.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '06 20 46|14 34',
  B: '00 06 36 45 44 33 03|33 42 41 30 00',
  C: '41 30 10 01 05 16 36 45',
  D: '00 06 26 44 42 20 00',
  E: '40 00 06 46|03 33',
  F: '40 00 06|03 33',
  G: '41 30 10 01 05 16 36 45 43 23',
  H: '00 06|40 46|03 43',
  I: '00 06',
  J: '30 35 26 16 05',
  K: '00 06|40 03 46',
  L: '00 06 46',
  M: '06 00 23 40 46',
  N: '06 00 46 40',
  O: '10 01 05 16 36 45 41 30 10',
  P: '06 00 30 41 42 33 03',
  Q: '10 01 05 16 36 45 41 30 10|34 46',
  R: '06 00 30 41 42 33 03|23 46',
  S: '41 30 10 01 02 13 33 44 45 36 16 05',
  T: '00 40|20 26',
  U: '00 05 16 36 45 40',
  V: '00 26 40',
  W: '00 16 22 36 40',
  X: '00 46|40 06',
  Y: '00 23 40|23 26',
  Z: '00 40 06 46',
  a: '32 36|33 22 12 03 05 16 26 35',
  b: '00 06|03 12 22 33 35 26 16 05',
  c: '33 22 12 03 05 16 26 35',
  d: '30 36|33 22 12 03 05 16 26 35',
  e: '04 34 33 22 12 03 05 16 26 35',
  f: '30 20 11 16|02 22',
  g: '32 37 28 18 07|33 22 12 03 05 16 26 35',
  h: '00 06|03 12 22 33 36',
  i: '02 06|00',
  j: '12 17 08|10',
  k: '00 06|32 04 36',
  l: '00 06',
  m: '02 06|03 12 23 26|23 32 43 46',
  n: '02 06|03 12 22 33 36',
  o: '12 03 05 16 26 35 33 22 12',
  p: '02 08|03 12 22 33 35 26 16 05',
  q: '32 38|33 22 12 03 05 16 26 35',
  r: '02 06|03 12 22',
  s: '33 22 12 03 14 24 35 26 16 05',
  t: '10 15 26|02 22',
  u: '02 05 16 26 35|32 36',
  v: '02 26 42',
  w: '02 16 23 36 42',
  x: '02 36|32 06',
  y: '02 05 16 26 35|32 37 28 18 07',
  z: '02 32 06 36',
  0: '10 01 05 16 26 35 31 20 10',
  1: '01 10 16',
  2: '01 10 20 31 32 06 36',
  3: '01 10 20 31 32 23 13|23 34 35 26 16 05',
  4: '26 20 04 34',
  5: '30 00 02 22 33 35 26 16 05',
  6: '30 10 01 05 16 26 35 34 23 13 04',
  7: '00 30 16',
  8: '10 01 02 13 23 34 35 26 16 05 04 13|23 32 31 20 10',
  9: '05 16 26 35 31 20 10 01 02 13 23 32',
  '-': '03 23',
  '–': '03 33',
  '.': '06',
  ',': '16 07',
  ':': '03|06',
  '/': '06 30',
  '(': '10 02 04 16',
  ')': '00 12 14 06',
  '%': '00 10 11 01 00|35 45 46 36 35|40 06',
  '×': '03 25|23 05',
  '+': '13 15|04 24',
  '=': '03 23|05 25',
  _: '06 46',
  ' ': '',
};
/** Stands for letters that there are none of. */
const UNKNOWN = '00 06 36 30 00';

const GAP = 1.6;
const SPACE = 2;
const ROWS = 6;

type Point = readonly [column: number, row: number];

function strokesOf(letter: string): readonly (readonly Point[])[] {
  const text = GLYPHS[letter] ?? UNKNOWN;
  if (text === '') return [];
  return text
    .split('|')
    .map((stroke) => stroke.split(' ').map((point): Point => [Number(point[0]), Number(point[1])]));
}

function widthOf(letter: string): number {
  const columns = strokesOf(letter).flatMap((stroke) => stroke.map(([column]) => column));
  return columns.length === 0 ? SPACE : Math.max(...columns);
}

/** Width of a text whose capitals are so high, in the same unit. */
export function textWidth(text: string, height: number): number {
  const letters = [...text];
  const columns = letters.reduce((sum, letter) => sum + widthOf(letter) + GAP, -GAP);
  return (Math.max(0, columns) * height) / ROWS;
}

/**
 * A text as the path of an SVG drawing.
 * @param x where it begins
 * @param y its baseline
 * @param height of capitals
 */
export function textPath(text: string, x: number, y: number, height: number): string {
  const scale = height / ROWS;
  let left = x;
  const parts: string[] = [];
  for (const letter of text) {
    for (const stroke of strokesOf(letter)) {
      const points = stroke.map(
        ([column, row]) => `${(left + column * scale).toFixed(2)} ${(y + (row - ROWS) * scale).toFixed(2)}`,
      );
      // A dot is a line of next to no length, whose ends are round.
      parts.push(points.length === 1 ? `M${points[0]!}h.01` : `M${points.join('L')}`);
    }
    left += (widthOf(letter) + GAP) * scale;
  }
  return parts.join('');
}
