import { byId } from './dom.js';
import { NO_SIDES, type Sides, type Stage } from './stage.js';

const SIDES = ['left', 'top', 'right', 'bottom'] as const;
type Side = (typeof SIDES)[number];

/** Pixels to add on each side, by handles and fields. */
export interface OutpaintTool {
  /** @param cell pixels to which sides are rounded */
  reset(cell: number): void;
  show(isShown: boolean): void;
  sides(): Sides;
}

/**
 * Pixels after a handle was moved: whole cells, from none to a bound.
 * @param start before it was moved
 * @param moved pixels that it was moved outwards
 */
export function draggedSide(start: number, moved: number, cell: number, most: number): number {
  return Math.max(0, Math.min(Math.floor(most / cell) * cell, Math.round((start + moved) / cell) * cell));
}

/** The most that may be added on a side, as the handles say. */
const MOST = 2048;

/** Wires the borders. @param onChange hears when the sides change */
export function createOutpaintTool(stage: Stage, onChange: () => void): OutpaintTool {
  const fields = byId('sides', HTMLElement);
  const inputs = Object.fromEntries(SIDES.map((side) => [side, byId(side, HTMLInputElement)])) as Record<
    Side,
    HTMLInputElement
  >;
  const handles = [...document.querySelectorAll<HTMLElement>('.handle')];
  let sides: Sides = NO_SIDES;
  let cell = 1;

  const update = (next: Sides) => {
    sides = next;
    for (const side of SIDES) inputs[side].value = String(sides[side]);
    for (const handle of handles) {
      const value = sides[handle.dataset.side as Side];
      handle.setAttribute('aria-valuenow', String(value));
      handle.setAttribute('aria-valuetext', `${value} pixels`);
    }
    onChange();
  };
  for (const side of SIDES)
    inputs[side].addEventListener('change', () => {
      const value = Math.max(0, Math.min(MOST, Math.round(Number(inputs[side].value) || 0)));
      update({ ...sides, [side]: value });
    });
  for (const handle of handles) {
    const side = handle.dataset.side as Side;
    const isAcross = side === 'left' || side === 'right';
    const outwards = side === 'right' || side === 'bottom' ? 1 : -1;
    let drag: { readonly at: number; readonly start: number } | undefined;
    const position = (event: PointerEvent) => (isAcross ? event.clientX : event.clientY);
    handle.addEventListener('pointerdown', (event) => {
      handle.setPointerCapture(event.pointerId);
      drag = { at: position(event), start: sides[side] };
      stage.holdScale(true);
    });
    handle.addEventListener('pointermove', (event) => {
      if (!drag) return;
      // The picture stays centred, so that a border moves half as far as the sheet grows.
      const moved = ((position(event) - drag.at) * outwards * 2) / stage.scale();
      update({ ...sides, [side]: draggedSide(drag.start, moved, cell, MOST) });
    });
    const drop = () => {
      drag = undefined;
      stage.holdScale(false);
    };
    handle.addEventListener('pointerup', drop);
    handle.addEventListener('pointercancel', drop);
    handle.addEventListener('keydown', (event) => {
      const grow = isAcross ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
      const at = grow.indexOf(event.key);
      if (at < 0) return;
      event.preventDefault();
      const direction = (at === 1 ? 1 : -1) * outwards;
      update({ ...sides, [side]: draggedSide(sides[side], direction * cell, cell, MOST) });
    });
  }
  return {
    reset(own) {
      cell = own;
      for (const side of SIDES) inputs[side].step = String(own);
      update(NO_SIDES);
    },
    show(isShown) {
      fields.hidden = !isShown;
      for (const handle of handles) handle.hidden = !isShown;
    },
    sides: () => sides,
  };
}
