import { ApiError } from './apiError.js';
import type { Limits } from './limits.js';

/** @throws ApiError 415 for another media type than the one that is read. */
function requireType(request: Request, type: string): void {
  const given = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (given !== type) throw new ApiError(415, `the body must be ${type}; say so in Content-Type`);
}

function tooLarge(limit: number): ApiError {
  return new ApiError(413, `the body has more than the ${limit} bytes allowed`, { code: 'body_too_large' });
}

/**
 * All bytes of a body, which are counted as they come.
 * @throws ApiError 413 when there are more than `limit`.
 */
async function readBytes(request: Request, limit: number): Promise<Buffer> {
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(limit);
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    total += chunk.length;
    if (total > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];

/** The place of the quote that ends a text; −1 where none does. @param start behind the quote before it */
function endOfText(bytes: Buffer, start: number): number {
  const first = bytes.indexOf(QUOTE, start);
  // So end texts without escapes, such as pictures.
  if (bytes[first - 1] !== BACKSLASH) return first;
  for (let at = start; at < bytes.length; at++) {
    if (bytes[at] === QUOTE) return at;
    if (bytes[at] === BACKSLASH) at++;
  }
  return -1;
}

/** Whether JSON has more than so many bytes that are in no text; each text counts as its quotes. */
function isCrowded(bytes: Buffer, limit: number): boolean {
  let count = 0;
  for (let at = 0; count <= limit; ) {
    const start = bytes.indexOf(QUOTE, at);
    if (start < 0) return count + bytes.length - at > limit;
    const end = endOfText(bytes, start + 1);
    count += start - at + 2;
    if (end < 0) break;
    at = end + 1;
  }
  return count > limit;
}

/**
 * The JSON value of a body. Pictures in it are texts: all that is around them is as small as in bodies without pictures,
 * since values in such numbers, or nested so deep, would hold up everybody else.
 * @throws ApiError when it is none, or too large.
 */
export async function readJson(
  request: Request,
  limit: number,
  { textBytes }: Pick<Limits, 'textBytes'>,
): Promise<unknown> {
  requireType(request, 'application/json');
  const bytes = await readBytes(request, limit);
  if (isCrowded(bytes, textBytes))
    throw new ApiError(413, `the body has more than the ${textBytes} bytes allowed around its texts`, {
      code: 'body_too_large',
    });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ApiError(400, 'the body is not JSON in UTF-8', { code: 'invalid_json' });
  }
}

/** More than any form here has; many small parts would take long to take apart. */
const MAX_PARTS = 64;

/** @throws ApiError 400 when a form has too many parts. */
function requireFewParts(bytes: Buffer, type: string): void {
  const boundary = /boundary="?([^";]+)/i.exec(type)?.[1] ?? '';
  let parts = 0;
  for (let at = bytes.indexOf(boundary); boundary !== '' && at >= 0; at = bytes.indexOf(boundary, at + 1))
    if (++parts > MAX_PARTS) throw new ApiError(400, `the form has more than ${MAX_PARTS} parts`);
}

/** The fields of a form, and its files by name. */
export interface ReadForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The parts of a multipart form. @throws ApiError when it is none, is too large, or has a part twice. */
export async function readForm(request: Request, limit: number): Promise<ReadForm> {
  requireType(request, 'multipart/form-data');
  const bytes = await readBytes(request, limit);
  const headers = { 'content-type': request.headers.get('content-type')! };
  requireFewParts(bytes, headers['content-type']);
  const form = await new Response(bytes, { headers }).formData().catch(() => {
    throw new ApiError(400, 'the body is not a multipart form', { code: 'invalid_form' });
  });
  const fields = new Map<string, string>();
  const files = new Map<string, Uint8Array>();
  for (const [key, value] of form) {
    // Clients send a list of one with brackets.
    const name = key.endsWith('[]') ? key.slice(0, -2) : key;
    if (fields.has(name) || files.has(name))
      throw new ApiError(400, `'${name.slice(0, 100)}' is there twice; send one`, {
        param: name.slice(0, 100),
      });
    if (typeof value === 'string') fields.set(name, value);
    else files.set(name, new Uint8Array(await value.arrayBuffer()));
  }
  return { fields: Object.fromEntries(fields), files };
}
