import type { ModelObject } from '../wire.js';
import { createApi, type DrawKind } from './api.js';
import { createClassSearch } from './classSearch.js';
import { byId, element } from './dom.js';
import { createFileOpening } from './fileOpening.js';
import { createHistory, type HistoryEntry } from './historyList.js';
import { createMaskTool } from './maskTool.js';
import { createOutpaintTool } from './outpaintTool.js';
import { blobOf, openPicture, type Picture } from './picture.js';
import { bodyOf, Unready } from './requestBody.js';
import { runDrawing } from './run.js';
import { createSettings } from './settings.js';
import { createStage, NO_SIDES } from './stage.js';
import { askToken, knownToken } from './token.js';
import { createView, type ViewState } from './view.js';

const api = createApi(askToken, knownToken());
const status = byId('status', HTMLElement);
const modelChoice = byId('model', HTMLSelectElement);
const keepKind = byId('keep-kind', HTMLSelectElement);
const keep = byId('keep', HTMLInputElement);
const settings = createSettings();
const stage = createStage();
const classes = createClassSearch(() => {});
let models: readonly ModelObject[] = [];
let maxPixels = 1 << 22;
let state: ViewState = { kind: 'sample', isDrawing: false, byMask: true };
let running: AbortController | undefined;

const mask = createMaskTool(stage, () => {});
const outpaint = createOutpaintTool(stage, () => {
  if (state.kind === 'outpaint' && state.source && !state.isDrawing) update({ result: undefined });
});
const view = createView(stage, mask, outpaint);
const list = createHistory((entry) => void showEntry(entry));

function update(next: Partial<ViewState>): void {
  state = { ...state, ...next };
  view(state);
}

function fail(error: unknown): void {
  byId('error-text', HTMLElement).textContent = (error as Error).message;
  byId('error', HTMLElement).hidden = false;
}

const model = (): ModelObject | undefined => models.find(({ id }) => id === modelChoice.value);

/** Takes a picture to work on. */
function take(picture: Picture): void {
  const cell = model()?.token_pixels ?? 1;
  const kind = state.kind === 'sample' ? 'inpaint' : state.kind;
  setKind(kind);
  state = { ...state, source: picture, result: undefined };
  mask.reset(picture.width, picture.height, cell);
  outpaint.reset(cell);
  update({});
  status.textContent = `${picture.width}×${picture.height} pixels`;
  list.setCurrent(undefined);
}

function setKind(kind: DrawKind): void {
  const radio = document.querySelector<HTMLInputElement>(`input[name="mode"][value="${kind}"]`);
  if (radio) radio.checked = true;
  byId('error', HTMLElement).hidden = true;
  update({ kind, result: undefined });
}

const nameOf = (title: string, seed: number, picture: number) =>
  `${title.replaceAll(/[^\w]+/g, '-').toLowerCase()}-${seed}${picture > 0 ? `-${picture}` : ''}.png`;

async function draw(): Promise<void> {
  const own = model();
  if (!own || running) return;
  byId('error', HTMLElement).hidden = true;
  const stopping = new AbortController();
  running = stopping;
  const { kind, source } = state;
  const sides = kind === 'outpaint' ? outpaint.sides() : NO_SIDES;
  try {
    if (classes.isWrong()) throw new Unready('No class has that name: choose one of the list.');
    const wanted = {
      ...{ kind, source, sides, model: own.id, class: classes.chosen() },
      settings: settings.read(),
      mask: mask.mask(),
      keep: state.byMask ? undefined : Number(keep.value),
    };
    const body = await bodyOf(wanted);
    update({ isDrawing: true, result: undefined });
    const drawn = await runDrawing(api, stage, kind, body, stopping.signal);
    settings.setLastSeed(drawn.seed);
    const results: Picture[] = [];
    for (const picture of drawn.pictures) {
      const title = picture.class?.name?.split('/').at(-1)?.replaceAll('_', ' ') ?? kind;
      const name = nameOf(title, drawn.seed, picture.picture);
      results.push(await openPicture(await blobOf(picture.image), name, Number.POSITIVE_INFINITY));
      const { image, width, height } = picture;
      const used = { ...wanted.settings, seed: drawn.seed };
      const about = { kind, model: own.id, classIndex: picture.class?.index ?? null, title };
      list.add({
        image,
        width,
        height,
        ...about,
        seed: drawn.seed,
        picture: picture.picture,
        settings: used,
      });
    }
    const [first] = results;
    update({
      isDrawing: false,
      result: first && {
        picture: first,
        ...(source && kind !== 'sample' && { from: { picture: source, sides } }),
      },
    });
    if (results.length > 1)
      stage.showMany(
        results.map(({ pixels }) => pixels),
        first!,
      );
    status.textContent = `Seed ${drawn.seed} · ${drawn.steps} steps · ${drawn.seconds.toFixed(2)} s`;
  } catch (error) {
    update({ isDrawing: false });
    status.textContent = stopping.signal.aborted ? 'Stopped' : '';
    if (!stopping.signal.aborted) fail(error);
  } finally {
    running = undefined;
  }
}

async function showEntry(entry: HistoryEntry): Promise<void> {
  if (running) return;
  const name = nameOf(entry.title, entry.seed, entry.picture);
  const picture = await openPicture(await blobOf(entry.image), name, Number.POSITIVE_INFINITY);
  if (modelChoice.value !== entry.model && models.some(({ id }) => id === entry.model)) {
    modelChoice.value = entry.model;
    await chooseModel();
  }
  classes.choose(entry.classIndex);
  settings.restore(entry.settings);
  settings.setLastSeed(entry.seed);
  setKind('sample');
  update({ result: { picture } });
  list.setCurrent(entry);
  status.textContent = `${entry.title} · seed ${entry.seed} · ${entry.model}`;
}

async function chooseModel(): Promise<void> {
  const own = model();
  if (!own) return;
  settings.setModel(own);
  const facts = [own.title, `${own.width}×${own.height}`, `${own.classes} classes`, own.license];
  byId('model-facts', HTMLElement).textContent = facts.filter(Boolean).join(' · ');
  for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="mode"]'))
    radio.disabled = radio.value !== 'sample' && !own.edits;
  if (!own.edits && state.kind !== 'sample') setKind('sample');
  if (state.source) outpaint.reset(own.token_pixels);
  classes.setClasses(await api.classes(own.id));
}

async function start(): Promise<void> {
  byId('empty', HTMLElement).classList.add('loading');
  try {
    const [all, limits] = await Promise.all([api.models(), api.limits()]);
    models = all;
    maxPixels = limits.pixels;
    modelChoice.replaceChildren(...models.map(({ id }) => element('option', { value: id }, id)));
    modelChoice.disabled = false;
    await chooseModel();
    update({});
    byId('go', HTMLButtonElement).disabled = false;
    classes.focus();
  } catch (error) {
    byId('empty', HTMLElement).classList.remove('loading');
    byId('empty-title', HTMLElement).textContent = 'The server cannot be used';
    byId('empty-text', HTMLElement).textContent = 'Load the page again once it runs.';
    fail(error);
  }
}

const openFile = createFileOpening(async (blob, name) => {
  try {
    take(await openPicture(blob, name, maxPixels));
  } catch (error) {
    fail(error);
  }
});
for (const id of ['open', 'empty-open']) byId(id, HTMLButtonElement).addEventListener('click', openFile);
byId('use', HTMLButtonElement).addEventListener('click', () => state.result && take(state.result.picture));
byId('error-close', HTMLButtonElement).addEventListener('click', () => {
  byId('error', HTMLElement).hidden = true;
});
modelChoice.addEventListener('change', () => void chooseModel().catch(fail));
for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="mode"]'))
  radio.addEventListener('change', () => setKind(radio.value as DrawKind));
keepKind.addEventListener('change', () => update({ byMask: keepKind.value === 'mask', result: undefined }));
keep.addEventListener('input', () => {
  byId('keep-value', HTMLOutputElement).value = `${Math.round(Number(keep.value) * 100)} %`;
});
byId('settings', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  if (running) running.abort();
  else void draw();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && running) running.abort();
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (byId('settings', HTMLFormElement).reportValidity()) void draw();
  }
});
void start();
