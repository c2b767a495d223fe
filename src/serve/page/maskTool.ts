import { byId } from './dom.js';
import {
  change,
  emptyMask,
  inverted,
  isEmpty,
  type Mask,
  type MaskHistory,
  type Point,
  redo,
  startHistory,
  stroke,
  undo,
} from './maskModel.js';
import type { Stage } from './stage.js';

/** The mask of the picture that is worked on, and what paints it. */
export interface MaskTool {
  /** Starts with nothing painted. @param cell pixels by which the keys move the brush */
  reset(width: number, height: number, cell: number): void;
  show(isShown: boolean): void;
  mask(): Mask | undefined;
}

/** Wires the brush. @param onChange hears when the mask changes */
export function createMaskTool(stage: Stage, onChange: () => void): MaskTool {
  const canvas = byId('mask', HTMLCanvasElement);
  const tools = byId('mask-tools', HTMLElement);
  const cursor = byId('cursor', HTMLElement);
  const brush = byId('brush', HTMLInputElement);
  const size = byId('brush-size', HTMLOutputElement);
  const buttons = Object.fromEntries(
    ['paint', 'erase', 'undo', 'redo', 'clear', 'invert'].map((id) => [id, byId(id, HTMLButtonElement)]),
  ) as Record<'paint' | 'erase' | 'undo' | 'redo' | 'clear' | 'invert', HTMLButtonElement>;
  let history: MaskHistory | undefined;
  let isErasing = false;
  let isShown = false;
  let cell = 1;
  /** The stroke under way: the mask with it, and where the pointer was. */
  let drawing: { mask: Mask; last: Point } | undefined;
  let place: Point = { x: 0, y: 0 };

  const brushSize = () => Number(brush.value);
  const moveCursor = (to: Point, isVisible: boolean) => {
    place = to;
    const scale = stage.scale();
    cursor.hidden = !isVisible;
    cursor.style.left = `${to.x * scale}px`;
    cursor.style.top = `${to.y * scale}px`;
    cursor.style.width = cursor.style.height = `${Math.max(6, brushSize() * scale)}px`;
  };
  const update = () => {
    const mask = drawing?.mask ?? history?.current;
    stage.setMask(isShown ? mask : undefined);
    buttons.undo.disabled = !history || history.past.length === 0;
    buttons.redo.disabled = !history || history.future.length === 0;
    buttons.clear.disabled = !history || isEmpty(history.current);
    onChange();
  };
  const setHistory = (next: MaskHistory) => {
    history = next;
    update();
  };
  const setErasing = (erasing: boolean) => {
    isErasing = erasing;
    buttons.paint.setAttribute('aria-pressed', String(!erasing));
    buttons.erase.setAttribute('aria-pressed', String(erasing));
  };
  const setBrush = (pixels: number) => {
    brush.value = String(pixels);
    size.value = `${brush.value} px`;
    if (!cursor.hidden) moveCursor(place, true);
  };
  const pointOf = (event: PointerEvent): Point => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * canvas.width,
      y: ((event.clientY - box.top) / box.height) * canvas.height,
    };
  };
  const paintTo = (to: Point) => {
    if (!drawing) return;
    drawing = { mask: stroke(drawing.mask, drawing.last, to, brushSize(), isErasing ? 0 : 255), last: to };
    stage.setMask(drawing.mask);
  };
  const finish = () => {
    if (!drawing || !history) return;
    const { mask } = drawing;
    drawing = undefined;
    setHistory(change(history, mask));
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (!history || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const at = pointOf(event);
    drawing = { mask: history.current, last: at };
    paintTo(at);
  });
  canvas.addEventListener('pointermove', (event) => {
    const at = pointOf(event);
    moveCursor(at, event.pointerType !== 'touch');
    paintTo(at);
  });
  canvas.addEventListener('pointerup', finish);
  canvas.addEventListener('pointercancel', finish);
  canvas.addEventListener('pointerleave', () => {
    cursor.hidden = true;
  });
  canvas.addEventListener('blur', () => {
    cursor.hidden = true;
  });
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  canvas.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (move) {
      const within = (value: number, most: number) => Math.max(0, Math.min(most, value));
      const to = {
        x: within(place.x + move[0] * cell, canvas.width),
        y: within(place.y + move[1] * cell, canvas.height),
      };
      if (event.shiftKey && history)
        setHistory(change(history, stroke(history.current, place, to, brushSize(), isErasing ? 0 : 255)));
      moveCursor(to, true);
    } else if ((event.key === ' ' || event.key === 'Enter') && !event.ctrlKey && !event.metaKey && history)
      setHistory(change(history, stroke(history.current, place, place, brushSize(), isErasing ? 0 : 255)));
    else return;
    event.preventDefault();
  });
  brush.addEventListener('input', () => setBrush(brushSize()));
  buttons.paint.addEventListener('click', () => setErasing(false));
  buttons.erase.addEventListener('click', () => setErasing(true));
  buttons.undo.addEventListener('click', () => history && setHistory(undo(history)));
  buttons.redo.addEventListener('click', () => history && setHistory(redo(history)));
  buttons.invert.addEventListener(
    'click',
    () => history && setHistory(change(history, inverted(history.current))),
  );
  buttons.clear.addEventListener('click', () => {
    if (history) setHistory(change(history, emptyMask(history.current.width, history.current.height)));
  });
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement && event.target.type !== 'range';
    if (!isShown || isTyping || !history) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === 'z')
      setHistory(event.shiftKey ? redo(history) : undo(history));
    else if ((event.ctrlKey || event.metaKey) && key === 'y') setHistory(redo(history));
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (key === '[') setBrush(brushSize() - Math.max(1, Math.round(brushSize() / 8)));
    else if (key === ']') setBrush(brushSize() + Math.max(1, Math.round(brushSize() / 8)));
    else if (key === 'b') setErasing(false);
    else if (key === 'e') setErasing(true);
    else return;
    event.preventDefault();
  });
  return {
    reset(width, height, own) {
      cell = own;
      brush.max = String(Math.max(8, Math.round(Math.max(width, height) / 2)));
      setBrush(Math.max(1, Math.round(Math.max(width, height) / 6)));
      place = { x: width / 2, y: height / 2 };
      setHistory(startHistory(emptyMask(width, height)));
    },
    show(shown) {
      isShown = shown && history !== undefined;
      tools.hidden = !isShown;
      cursor.hidden = true;
      canvas.setAttribute('role', 'application');
      canvas.setAttribute(
        'aria-label',
        'Mask: arrow keys move the brush, with Shift they paint, Space paints a dot, B paints, E erases, brackets change the size',
      );
      update();
    },
    mask: () => history?.current,
  };
}
