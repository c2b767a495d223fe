import type { ObjectSchema, RequestSchemas } from './schemas.js';

const VERSION = '1';

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'] },
      },
    },
  },
} as const;

const picturesSchema = {
  type: 'object',
  required: ['created', 'data'],
  properties: {
    created: { type: 'integer', description: 'seconds since 1970' },
    seed: { type: 'integer', description: 'draws the same again' },
    data: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          url: { type: 'string' },
          b64_json: { type: 'string' },
          revised_prompt: { type: 'string', description: 'name of the class that was drawn' },
        },
      },
    },
  },
} as const;

const EVENTS =
  'Server-sent events, each with a JSON object: `queued` {ahead}; `start` {model, seed, count, width, height, steps}; ' +
  '`step` {picture, step, done, total, preview}, the preview a data URL, or null where newer steps waited; ' +
  '`picture` {picture, class, width, height, image}, the image a PNG as a data URL; `done` {seconds}; `error` {error}.';

const json = (schema: object) => ({ 'application/json': { schema } });
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** Answers that any request may get. */
const FAILURES = {
  '4XX': { description: 'What is wrong with the request', content: json(reference('Error')) },
  '429': {
    description: 'The queue is full',
    headers: { 'Retry-After': { description: 'seconds', schema: { type: 'integer' } } },
    content: json(reference('Error')),
  },
  '5XX': { description: 'The server failed, or is being stopped', content: json(reference('Error')) },
};

const answers = (description: string, content: object) => ({ '200': { description, content }, ...FAILURES });

function drawing(name: string, { description }: ObjectSchema) {
  return {
    post: {
      operationId: name,
      summary: description,
      requestBody: { required: true, content: json(reference(name)) },
      responses: answers(EVENTS, { 'text/event-stream': { schema: { type: 'string' } } }),
    },
  };
}

const reading = (operationId: string, summary: string, parameters: readonly object[] = []) => ({
  get: { operationId, summary, parameters, responses: answers(summary, json({ type: 'object' })) },
});

const parameter = (name: string, place: 'path' | 'query', description: string) => ({
  name,
  in: place,
  required: place === 'path',
  description,
  schema: { type: 'string' },
});

/** The OpenAPI 3.1 document of a server, from the schemas that requests are checked with. */
export function openApiDocument(schemas: RequestSchemas) {
  const file = (description: string) => ({ type: 'string', format: 'binary', description });
  const form = {
    allOf: [reference('edits')],
    type: 'object',
    required: ['image'],
    properties: {
      image: file('PNG, JPEG or WebP'),
      mask: file(
        'of the same size: what is transparent is drawn; without, the transparent pixels of the picture',
      ),
    },
  };
  const { edits, ...others } = schemas;
  // The files of a form are no fields of it for the validation, but are for the document.
  const fields = { ...edits, additionalProperties: true };
  return {
    openapi: '3.1.0',
    info: {
      title: 'arpg',
      version: VERSION,
      description: 'Draws pictures of classes with autoregressive models, and redraws parts of pictures.',
    },
    security: [{}, { token: [] }],
    paths: {
      '/v1/images/generations': {
        post: {
          operationId: 'generations',
          summary: schemas.generations.description,
          requestBody: { required: true, content: json(reference('generations')) },
          responses: answers('Pictures', json(reference('Pictures'))),
        },
      },
      '/v1/images/edits': {
        post: {
          operationId: 'edits',
          summary: schemas.edits.description,
          requestBody: { required: true, content: { 'multipart/form-data': { schema: form } } },
          responses: answers('Pictures', json(reference('Pictures'))),
        },
      },
      '/v1/arpg/sample': drawing('sample', schemas.sample),
      '/v1/arpg/inpaint': drawing('inpaint', schemas.inpaint),
      '/v1/arpg/outpaint': drawing('outpaint', schemas.outpaint),
      '/v1/arpg/edit': drawing('edit', schemas.edit),
      '/v1/arpg/limits': reading('limits', 'What requests may ask for'),
      '/v1/models': reading('models', 'The models that are offered, the default first'),
      '/v1/models/{id}': reading('model', 'A model', [parameter('id', 'path', 'name of the model')]),
      '/v1/models/{id}/classes': reading('classes', 'The classes of a model', [
        parameter('id', 'path', 'name of the model'),
        parameter('filter', 'query', 'a text that their names hold'),
      ]),
      '/v1/pictures/{name}': {
        get: {
          operationId: 'picture',
          summary: 'A finished picture, while it is kept',
          parameters: [parameter('name', 'path', 'as an answer names it')],
          responses: answers('The picture', { 'image/*': {} }),
        },
      },
      '/healthz': reading('health', 'Whether the server answers, and how full its queue is'),
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { ...others, edits: fields, Error: errorSchema, Pictures: picturesSchema },
    },
  };
}
