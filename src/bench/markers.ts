/** How a system is marked. */
export interface MarkerShape {
  readonly form: 'circle' | 'square' | 'triangle' | 'diamond' | 'falling' | 'cross' | 'bar' | 'hexagon';
  readonly colour: string;
}

/** Colours that differ in lightness too, each with a form of its own. */
export const MARKERS: readonly MarkerShape[] = [
  { form: 'circle', colour: '#c22f2f' },
  { form: 'square', colour: '#2a5fb0' },
  { form: 'triangle', colour: '#2f8f3a' },
  { form: 'diamond', colour: '#8a3fb0' },
  { form: 'falling', colour: '#c26a00' },
  { form: 'cross', colour: '#11808a' },
  { form: 'bar', colour: '#5a5a5a' },
  { form: 'hexagon', colour: '#a02f6f' },
];

/** Corners of the forms, in units of their size. */
const CORNERS: Readonly<
  Record<Exclude<MarkerShape['form'], 'circle'>, readonly (readonly [number, number])[]>
> = {
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  triangle: [
    [0, -1],
    [1, 0.9],
    [-1, 0.9],
  ],
  diamond: [
    [0, -1.15],
    [1.15, 0],
    [0, 1.15],
    [-1.15, 0],
  ],
  falling: [
    [0, 1],
    [1, -0.9],
    [-1, -0.9],
  ],
  cross: [
    [-0.35, -1],
    [0.35, -1],
    [0.35, -0.35],
    [1, -0.35],
    [1, 0.35],
    [0.35, 0.35],
    [0.35, 1],
    [-0.35, 1],
    [-0.35, 0.35],
    [-1, 0.35],
    [-1, -0.35],
    [-0.35, -0.35],
  ],
  bar: [
    [-1.1, -0.5],
    [1.1, -0.5],
    [1.1, 0.5],
    [-1.1, 0.5],
  ],
  hexagon: [
    [-0.5, -0.9],
    [0.5, -0.9],
    [1, 0],
    [0.5, 0.9],
    [-0.5, 0.9],
    [-1, 0],
  ],
};

/** The outline of a marker as the path of an SVG drawing. */
export function markerPath(form: MarkerShape['form'], x: number, y: number, size: number): string {
  if (form === 'circle') {
    const [left, round] = [(x - size).toFixed(2), `a${size} ${size} 0 1 0`];
    return `M${left} ${y.toFixed(2)}${round} ${2 * size} 0${round} ${-2 * size} 0z`;
  }
  const points = CORNERS[form].map(
    ([across, down]) => `${(x + across * size).toFixed(2)} ${(y + down * size).toFixed(2)}`,
  );
  return `M${points.join('L')}z`;
}
