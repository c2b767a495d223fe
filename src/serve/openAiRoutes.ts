import type { Context, Hono } from 'hono';
import { encodePicture, type PictureEncoding } from '../index.js';
import { ApiError } from './apiError.js';
import { type Env, endOf, type ServerParts } from './context.js';
import { draw, type DrawnPicture, type DrawWork } from './draw.js';
import { drawnNotes } from './drawnNotes.js';
import type { ModelFacts } from './modelPool.js';
import { ownMask, readPicture, readTransparentMask } from './pictures.js';
import { maskedCanvases } from './redrawWork.js';
import { type ReadForm, readForm, readJson } from './requestBody.js';
import { requireClass, settingsOf, sizeOf } from './requestSettings.js';
import type { GenerationFields } from './schemas.js';
import { requestCheck } from './validate.js';
import type { Place } from './workQueue.js';

/** A finished picture as a client asked for it. */
interface PackedPicture {
  readonly bytes: Uint8Array;
  readonly encoding: PictureEncoding;
  readonly classId: number | null;
}

/** Does the work in its turn. */
async function drawPacked(
  parts: ServerParts,
  place: Place,
  facts: ModelFacts,
  work: DrawWork,
  fields: GenerationFields,
  signal: AbortSignal,
): Promise<readonly PackedPicture[]> {
  const encoding = fields.output_format ?? 'png';
  const quality = fields.output_compression ?? undefined;
  const packed: PackedPicture[] = [];
  await place.run(signal, async () => {
    const model = await parts.models.use(facts);
    const notesOf = await drawnNotes(parts, model, work, encoding, quality);
    const onPicture = async (picture: DrawnPicture) => {
      const bytes = await encodePicture(picture, picture.channels, encoding, quality, notesOf(picture));
      packed.push({ bytes, encoding, classId: picture.class });
    };
    await draw(model, work, { onPicture }, signal);
  });
  return packed;
}

/** The answer to a request, as OpenAI's clients read it; seeds and names of classes come besides. */
function answer(
  context: Context<Env>,
  { store }: ServerParts,
  { labels }: ModelFacts,
  packed: readonly PackedPicture[],
  { response_format: format }: GenerationFields,
  seed: number,
): Response {
  const base = new URL(context.req.url).origin;
  const data = packed.map(({ bytes, encoding, classId }) => ({
    ...(format === 'b64_json'
      ? { b64_json: Buffer.from(bytes).toString('base64') }
      : { url: `${base}/v1/pictures/${store.keep({ bytes, encoding })}` }),
    ...(classId !== null && { revised_prompt: labels[classId] ?? String(classId) }),
  }));
  return context.json({ created: Math.floor(Date.now() / 1000), data, seed });
}

/** Adds a route whose requests hold a place in the queue from before their body is read. */
function addPlaced(
  app: Hono<Env>,
  path: string,
  { queue }: ServerParts,
  handle: (context: Context<Env>, place: Place) => Promise<Response>,
): void {
  app.post(path, async (context) => {
    const place = queue.enter();
    try {
      return await handle(context, place);
    } finally {
      place.leave();
    }
  });
}

/** Where OpenAI's API puts models' numbers. */
const positionsOf = ({ width, height, tokenPixels }: ModelFacts) => (width * height) / tokenPixels ** 2;

/** The picture of a form. @throws ApiError 400 when there is none. */
function requireFile({ files }: ReadForm, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined)
    throw new ApiError(400, `the file '${name}' is missing`, { param: name, code: 'missing_parameter' });
  return bytes;
}

/** Adds `POST /v1/images/generations` and `POST /v1/images/edits`. */
export function addOpenAiRoutes(app: Hono<Env>, parts: ServerParts): void {
  const { schemas, limits, models, ending } = parts;
  const checkGeneration = requestCheck<GenerationFields>(schemas.generations, 'json');
  const checkEdit = requestCheck<GenerationFields>(schemas.edits, 'form');

  addPlaced(app, '/v1/images/generations', parts, async (context, place) => {
    const fields = checkGeneration(await readJson(context.req.raw, limits.textBytes, limits));
    const facts = models.find(fields.model ?? undefined);
    requireClass(fields.prompt, facts, 'prompt');
    const { size, grid } = sizeOf(fields.size, facts, limits);
    const settings = settingsOf(fields, grid.width * grid.height);
    models.resolve(facts, settings, grid);
    const count = fields.n ?? 1;
    const work: DrawWork = {
      ...{ kind: 'sample', settings, class: fields.prompt, count, rope: 'extend' },
      ...(size && { size }),
    };
    const packed = await drawPacked(parts, place, facts, work, fields, endOf(context, ending));
    return answer(context, parts, facts, packed, fields, settings.seed);
  });

  addPlaced(app, '/v1/images/edits', parts, async (context, place) => {
    const form = await readForm(context.req.raw, limits.bodyBytes);
    const fields = checkEdit(form.fields);
    const stray = [...form.files.keys()].find((name) => name !== 'image' && name !== 'mask');
    if (stray !== undefined) throw new ApiError(400, 'files may be called image and mask only');
    const facts = models.find(fields.model ?? undefined);
    requireClass(fields.prompt, facts, 'prompt');
    models.requireEdits(facts);
    const settings = settingsOf(fields, positionsOf(facts));
    models.resolve(facts, settings);
    const picture = await readPicture(requireFile(form, 'image'), 'image', limits.pixels);
    if (![undefined, null, 'auto', `${picture.width}x${picture.height}`].includes(fields.size))
      throw new ApiError(
        400,
        `an edited picture keeps its size, ${picture.width}x${picture.height}; leave size out`,
        {
          param: 'size',
        },
      );
    const given = form.files.get('mask');
    const mask = given ? await readTransparentMask(given, picture, limits.pixels) : ownMask(picture);
    const work: DrawWork = {
      ...{
        kind: 'redraw',
        command: 'inpaint',
        settings,
        class: fields.prompt,
        count: fields.n ?? 1,
        feather: 0,
      },
      ...maskedCanvases(picture, () => mask, facts, limits),
    };
    const packed = await drawPacked(parts, place, facts, work, fields, endOf(context, ending));
    return answer(context, parts, facts, packed, fields, settings.seed);
  });
}
