import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import type { RgbImage } from '../../src/index.js';
import { type RunningServer, type ServeOptions, startServer } from '../../src/serve/server.js';
import type { DrawEvents, ErrorObject } from '../../src/serve/wire.js';

const MODELS = fileURLToPath(new URL('../../../fixtures/models/', import.meta.url));

/** A shipped model as servers offer it. */
export const offered = (id: string) => ({ id, folder: `${MODELS}${id}` });

/** A server of the digits on a free port. */
export const serveDigits = (options: Partial<ServeOptions> = {}): Promise<RunningServer> =>
  startServer({ models: [offered('digits')], load: { target: 'onnx', threads: 2 }, port: 0, ...options });

/** Posts a JSON value. */
export const post = (
  { url }: RunningServer,
  path: string,
  value: unknown,
  { headers, signal }: Pick<RequestInit, 'headers' | 'signal'> = {},
): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
    body: typeof value === 'string' ? value : JSON.stringify(value),
    ...(signal && { signal }),
  });

/** The status of an answer and what it says is wrong. */
export async function failureOf(
  answer: Promise<Response> | Response,
): Promise<{ readonly status: number } & ErrorObject['error']> {
  const response = await answer;
  return { status: response.status, ...((await response.json()) as ErrorObject).error };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A request whose headers are sent as they are, also those that `fetch` sets itself. */
export function rawRequest(
  { port }: Pick<RunningServer, 'port'>,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Readonly<Record<string, string>> } = {},
  body = '',
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export type AnyEvent = {
  [Name in keyof DrawEvents]: { readonly name: Name; readonly data: DrawEvents[Name] };
}[keyof DrawEvents];

/** All events of an answer. */
export async function eventsOf(answer: Promise<Response> | Response): Promise<readonly AnyEvent[]> {
  const text = await (await answer).text();
  return [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(
    ([, name, data]) => ({ name, data: JSON.parse(data!) as unknown }) as AnyEvent,
  );
}

/** The data of the events of a name. */
export function named<Name extends keyof DrawEvents>(
  events: readonly AnyEvent[],
  name: Name,
): readonly DrawEvents[Name][] {
  return events.filter((event) => event.name === name).map(({ data }) => data as DrawEvents[Name]);
}

/** The RGBA pixels of a PNG in base64 or a data URL. */
export function pixelsOf(base64: string): { readonly width: number; readonly height: number; data: Buffer } {
  return PNG.sync.read(Buffer.from(base64.replace(/^data:image\/png;base64,/, ''), 'base64'));
}

/** A picture of stripes of many colours. */
export function stripesOf(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 89) % 251);
  return { width, height, data };
}
