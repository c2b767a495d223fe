import type { DrawKind } from './api.js';
import { byId, element } from './dom.js';
import type { MaskTool } from './maskTool.js';
import type { OutpaintTool } from './outpaintTool.js';
import type { Picture } from './picture.js';
import { NO_SIDES, type Sides, type Stage } from './stage.js';

/** A finished drawing of a given picture. */
export interface Result {
  readonly picture: Picture;
  /** Where the given picture lies in it; undefined where there was none. */
  readonly from?: { readonly picture: Picture; readonly sides: Sides };
}

/** What the page shows: the picture that is worked on, or what was drawn. */
export interface ViewState {
  readonly kind: DrawKind;
  /** What inpainting, outpainting and editing start from. */
  readonly source?: Picture | undefined;
  readonly result?: Result | undefined;
  readonly isDrawing: boolean;
  /** Whether editing works by a mask. */
  readonly byMask: boolean;
}

const EMPTY_TEXTS: Readonly<Record<DrawKind, readonly [title: string, text: string]>> = {
  sample: ['Nothing drawn yet', 'Choose a class and press Draw; without one, a class is drawn by chance.'],
  inpaint: [
    'Open a picture',
    'Drop one here, paste it or open a file; then paint over what is to be drawn anew.',
  ],
  outpaint: ['Open a picture', 'Drop one here, paste it or open a file; then drag its borders outwards.'],
  edit: [
    'Open a picture',
    'Drop one here, paste it or open a file; then turn a part of it into another class.',
  ],
};

/** After which a file that is downloaded has surely been begun. */
const DOWNLOAD_MILLISECONDS = 30_000;

/** Shows a state. */
export function createView(stage: Stage, mask: MaskTool, outpaint: OutpaintTool) {
  const compareTool = byId('compare-tool', HTMLElement);
  const compare = byId('compare', HTMLInputElement);
  const download = byId('download', HTMLButtonElement);
  const use = byId('use', HTMLButtonElement);
  const go = byId('go', HTMLButtonElement);
  let offered: Picture | undefined;

  download.addEventListener('click', () => {
    if (!offered) return;
    const href = URL.createObjectURL(offered.blob);
    element('a', { href, download: offered.name }).click();
    setTimeout(() => URL.revokeObjectURL(href), DOWNLOAD_MILLISECONDS);
  });
  compare.addEventListener('input', () => stage.setDivider(1 - Number(compare.value) / 100));

  const offer = (picture: Picture | undefined) => {
    offered = picture;
    download.hidden = picture === undefined;
  };
  const showResult = ({ picture, from }: Result) => {
    stage.show(picture.pixels);
    stage.setBefore(from?.picture.pixels, from?.sides);
    compareTool.hidden = from === undefined;
    compare.value = '100';
    stage.setDivider(0);
  };
  return (state: ViewState): void => {
    const { kind, source, result, isDrawing, byMask } = state;
    const isEditing = kind !== 'sample';
    const shown = result?.picture ?? (isEditing ? source : undefined);
    const isAtWork = isEditing && source !== undefined && !isDrawing && result === undefined;
    const [title, text] = EMPTY_TEXTS[kind];
    byId('empty-title', HTMLElement).textContent = title;
    byId('empty-text', HTMLElement).textContent = text;
    byId('empty-open', HTMLElement).hidden = !isEditing;
    byId('empty', HTMLElement).classList.remove('loading');
    compareTool.hidden = true;
    if (isDrawing) stage.setBefore(undefined);
    else if (result) showResult(result);
    else if (shown) {
      stage.setBefore(undefined);
      stage.show(shown.pixels, kind === 'outpaint' ? outpaint.sides() : NO_SIDES);
    } else {
      stage.setBefore(undefined);
      stage.clear();
    }
    const isMasking = kind === 'inpaint' || (kind === 'edit' && byMask);
    mask.show(isAtWork && isMasking);
    outpaint.show(kind === 'outpaint' && source !== undefined);
    if (!isAtWork || kind !== 'outpaint')
      for (const handle of document.querySelectorAll<HTMLElement>('.handle')) handle.hidden = true;
    byId('keep-field', HTMLElement).hidden = kind !== 'edit';
    byId('keep-row', HTMLElement).hidden = byMask;
    byId('count-field', HTMLElement).hidden = isEditing;
    use.hidden = isDrawing || result === undefined;
    use.textContent = isEditing ? 'Use result' : 'Use as picture';
    offer(isDrawing ? undefined : shown);
    go.textContent = isDrawing ? 'Stop' : result && isEditing ? 'Draw again' : 'Draw';
    go.classList.toggle('stop', isDrawing);
    go.disabled = isEditing && source === undefined;
  };
}
