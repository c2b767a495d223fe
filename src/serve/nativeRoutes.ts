import { encodePicture } from '../index.js';
import type { Context, Hono } from 'hono';
import { type Env, endOf, type ServerParts } from './context.js';
import { draw, type DrawnPicture, type DrawWork, type RedrawCommand } from './draw.js';
import { drawnNotes, type NotesOf } from './drawnNotes.js';
import { eventStream, type Send } from './events.js';
import type { ModelFacts } from './modelPool.js';
import { dataUrl, Previews } from './previews.js';
import { type Canvases, editCanvases, inpaintCanvases, outpaintCanvases } from './redrawWork.js';
import { readJson } from './requestBody.js';
import { requireClass, settingsOf, sizeOf } from './requestSettings.js';
import type {
  EditFields,
  InpaintFields,
  NativeFields,
  OutpaintFields,
  PictureFields,
  SampleFields,
} from './schemas.js';
import { requestCheck } from './validate.js';
import type { PictureObject } from './wire.js';
import type { Place } from './workQueue.js';

/** A request that is understood. */
interface NativeRequest {
  readonly facts: ModelFacts;
  readonly work: DrawWork;
  readonly previews: boolean;
  /** What clients are told at the start, beside model, seed and count. */
  readonly start: { readonly width: number; readonly height: number; readonly steps: number };
}

type Understand<Fields> = (fields: Fields, facts: ModelFacts, parts: ServerParts) => Promise<NativeRequest>;

const understandSample: Understand<SampleFields> = async (fields, facts, { models, limits }) => {
  const { size, grid } = sizeOf(fields.size, facts, limits);
  const settings = settingsOf(fields, grid.width * grid.height);
  const { steps } = models.resolve(facts, settings, grid);
  // Where nothing is said of the class, which is not the same as none.
  const wanted = fields.class === undefined ? settings.seed % facts.classes : fields.class;
  return {
    facts,
    previews: fields.previews ?? true,
    work: {
      kind: 'sample',
      ...{ settings, class: wanted, count: fields.count ?? 1, rope: fields.rope ?? 'extend' },
      ...(size && { size }),
    },
    start: { ...(size ?? { width: facts.width, height: facts.height }), steps },
  };
};

/** Requests with a picture, of which the canvases alone differ. */
function understandPicture<Fields extends PictureFields>(
  command: RedrawCommand,
  canvases: (
    fields: Fields,
    facts: ModelFacts,
    limits: ServerParts['limits'],
    settings: ReturnType<typeof settingsOf>,
  ) => Promise<Canvases>,
): Understand<Fields> {
  return async (fields, facts, { models, limits }) => {
    models.requireEdits(facts);
    const settings = settingsOf(fields, (facts.width * facts.height) / facts.tokenPixels ** 2);
    const { steps } = models.resolve(facts, settings);
    const drawn = await canvases(fields, facts, limits, settings);
    const { width, height } = drawn.canvasOf(0).image;
    return {
      facts,
      previews: fields.previews ?? true,
      work: {
        ...{ kind: 'redraw', command },
        ...{ settings, ...drawn, class: fields.class ?? null },
        ...{ count: fields.count ?? 1, feather: fields.feather ?? 0 },
      },
      start: { width, height, steps },
    };
  };
}

/** What clients are told of a picture. */
async function pictureObject(
  { channels, ...drawn }: DrawnPicture,
  { labels }: ModelFacts,
  notesOf: NotesOf,
): Promise<PictureObject> {
  const bytes = await encodePicture(drawn, channels, 'png', undefined, notesOf(drawn));
  const own = drawn.class;
  return {
    picture: drawn.picture,
    class: own === null ? null : { index: own, name: labels[own] ?? null },
    width: drawn.width,
    height: drawn.height,
    image: dataUrl(bytes, 'png'),
  };
}

/** Does the work in its turn and sends what comes of it. */
async function drawWithEvents(
  parts: ServerParts,
  place: Place,
  { facts, work, previews, start }: NativeRequest,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const steps = new Previews((step) => send('step', step), signal);
  const drawAll = async () => {
    const started = performance.now();
    const { seed } = work.settings;
    send('start', { model: facts.id, seed, count: work.count, ...start });
    const model = await parts.models.use(facts);
    const notesOf = await drawnNotes(parts, model, work, 'png');
    const onPicture = async (picture: DrawnPicture) => {
      await steps.finished();
      send('picture', await pictureObject(picture, facts, notesOf));
    };
    const onStep = previews ? (step: Parameters<Previews['add']>[0]) => steps.add(step) : undefined;
    await draw(model, work, { onPicture, ...(onStep && { onStep }) }, signal);
    send('done', { seconds: Number(((performance.now() - started) / 1000).toFixed(3)) });
  };
  parts.ending.throwIfAborted();
  await place.run(signal, drawAll, (ahead) => send('queued', { ahead }));
}

/** Adds `POST /v1/arpg/…`: drawing with an event for each step. */
export function addNativeRoutes(app: Hono<Env>, parts: ServerParts): void {
  const { schemas, limits, queue, models, ending, onFailure } = parts;
  const add = <Fields extends NativeFields>(
    name: 'sample' | 'inpaint' | 'outpaint' | 'edit',
    understand: Understand<Fields>,
  ) => {
    const check = requestCheck<Fields>(schemas[name], 'json');
    const limit = name === 'sample' ? limits.textBytes : limits.bodyBytes;
    app.post(`/v1/arpg/${name}`, async (context: Context<Env>) => {
      // Before the body is read, so that what waits has a bound.
      const place = queue.enter();
      try {
        const fields = check(await readJson(context.req.raw, limit, limits));
        const facts = models.find(fields.model ?? undefined);
        if (fields.class !== undefined && fields.class !== null) requireClass(fields.class, facts, 'class');
        const request = await understand(fields, facts, parts);
        const left = endOf(context, ending);
        return eventStream(
          (send, signal) =>
            drawWithEvents(parts, place, request, send, AbortSignal.any([signal, left])).finally(place.leave),
          onFailure,
          limits.answerMilliseconds,
        );
      } catch (error) {
        place.leave();
        throw error;
      }
    });
  };
  add('sample', understandSample);
  add<InpaintFields>('inpaint', understandPicture('inpaint', inpaintCanvases));
  add<OutpaintFields>('outpaint', understandPicture('outpaint', outpaintCanvases));
  add<EditFields>('edit', understandPicture('edit', editCanvases));
}
