import type { Hono } from 'hono';
import { aliasesByClass } from '../index.js';
import { ApiError } from './apiError.js';
import type { Env, ServerParts } from './context.js';
import type { ModelFacts } from './modelPool.js';
import { openApiDocument } from './openApi.js';
import type { ClassObject, LimitsObject, ModelObject } from './wire.js';

/** A model in the shape of OpenAI's API, with what this one says besides. */
function modelObject({ labels, aliases: _, title, ...facts }: ModelFacts): ModelObject {
  return {
    id: facts.id,
    object: 'model',
    created: 0,
    owned_by: 'arpg',
    system: facts.system,
    title,
    width: facts.width,
    height: facts.height,
    token_pixels: facts.tokenPixels,
    classes: facts.classes,
    named: labels.length > 0,
    license: facts.license,
    edits: facts.edits,
    sizes: facts.sizes,
    free_steps: facts.freeSteps,
    defaults: {
      steps: facts.steps,
      guidance: facts.guidance,
      no_guidance: facts.noGuidance,
      temperature: facts.temperature,
      top_p: facts.topP,
    },
  };
}

/** Classes by index, with their names where they have some; of those whose names hold a text, in any case. */
function classesOf({ classes, labels, aliases }: ModelFacts, wanted: string): readonly ClassObject[] {
  const text = wanted.toLowerCase();
  const others = aliases ? aliasesByClass(aliases, labels) : {};
  return Array.from({ length: classes }, (_, index): ClassObject => {
    const name = labels[index] ?? null;
    const own = name === null ? undefined : others[name];
    return { index, name, ...(own && { other_names: own }) };
  }).filter(
    ({ index, name, other_names: own = [] }) =>
      text === '' || [name ?? String(index), ...own].some((called) => called.toLowerCase().includes(text)),
  );
}

/** Adds what is asked about the server, its models and finished pictures. */
export function addInfoRoutes(app: Hono<Env>, parts: ServerParts): void {
  const { models, queue, store, ending, schemas, limits } = parts;
  const document = openApiDocument(schemas);
  app.get('/healthz', (context) =>
    context.json({
      status: ending.aborted ? 'ending' : 'ok',
      queue: { taken: queue.taken, limit: queue.capacity },
      models: models.all.map(({ id }) => id),
    }),
  );
  app.get('/openapi.json', (context) => context.json(document));
  app.get('/v1/models', (context) => context.json({ object: 'list', data: models.all.map(modelObject) }));
  app.get('/v1/models/:id', (context) => context.json(modelObject(models.find(context.req.param('id')))));
  app.get('/v1/models/:id/classes', (context) => {
    const facts = models.find(context.req.param('id'));
    const filter = context.req.query('filter') ?? '';
    return context.json({ object: 'list', data: classesOf(facts, filter) });
  });
  const allowed: LimitsObject = {
    count: limits.count,
    pixels: limits.pixels,
    tokens: limits.tokens,
    redrawn_tokens: limits.redrawnTokens,
    body_bytes: limits.bodyBytes,
  };
  app.get('/v1/arpg/limits', (context) => context.json(allowed));
  app.get('/v1/pictures/:name', (context) => {
    const kept = store.find(context.req.param('name'));
    if (!kept) throw new ApiError(404, 'there is no such picture, or it is no longer kept');
    return context.body(Uint8Array.from(kept.bytes).buffer, 200, {
      'content-type': `image/${kept.encoding}`,
      'cache-control': 'private, max-age=3600, immutable',
    });
  });
}
