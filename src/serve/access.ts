import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { ApiError } from './apiError.js';

/** Whom a server answers. */
export interface AccessRules {
  /** Names, beside addresses, under which the server may be called, in lower case. */
  readonly hosts: ReadonlySet<string>;
  /** What clients must show; undefined where whoever reaches the server may use it. */
  readonly token: string | undefined;
}

/** The part of a request that says who asks for what. */
export interface AccessRequest {
  readonly method: string;
  readonly path: string;
  header(name: string): string | undefined;
}

const LOOPBACK_NAME = 'localhost';
/** Paths that show nothing of anybody: the page itself, which asks for the token, and whether the server lives. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/', '/page.js', '/page.css', '/icon.svg', '/healthz']);
/** Pictures have names that cannot be guessed. */
const PICTURE_PATH = '/v1/pictures/';

/** Whether an address is that of the machine itself, which no other machine can reach. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === LOOPBACK_NAME) return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}

/** The name in a `Host` header, without port and brackets, in lower case; undefined where it is malformed. */
export function hostName(header: string | undefined): string | undefined {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(header ?? '') ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

/**
 * Whether a server may be called by a name. Addresses always are its own; other names may be somebody else's that were
 * made to lead here (DNS rebinding).
 */
function isOwnName(name: string, hosts: ReadonlySet<string>): boolean {
  return isIP(name) !== 0 || name === LOOPBACK_NAME || hosts.has(name);
}

/** @throws ApiError when the request came through a name or a page that is not this server's own. */
export function requireOwnOrigin(request: AccessRequest, { hosts }: AccessRules): void {
  const host = request.header('host');
  const name = hostName(host);
  if (name === undefined || !isOwnName(name, hosts))
    throw new ApiError(
      421,
      'this server is not known by that name; use its address, or name it with --allow-host',
      {
        code: 'unknown_host',
      },
    );
  const origin = request.header('origin');
  // A proxy may speak HTTPS before this server.
  if (origin !== undefined && origin.toLowerCase().replace(/^https?:\/\//, '') !== host?.toLowerCase())
    throw new ApiError(403, 'pages of other sites may not use this server', { code: 'foreign_origin' });
  const site = request.header('sec-fetch-site') ?? 'none';
  const isVisit = request.method === 'GET' && request.header('sec-fetch-mode') === 'navigate';
  if (site !== 'none' && site !== 'same-origin' && !isVisit)
    throw new ApiError(403, 'pages of other sites may not use this server', { code: 'foreign_origin' });
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** @throws ApiError when a token is wanted and the request does not show it. */
export function requireToken(request: AccessRequest, { token }: AccessRules): void {
  const isOpen = OPEN_PATHS.has(request.path) || request.path.startsWith(PICTURE_PATH);
  if (token === undefined || isOpen) return;
  const shown = /^Bearer +(.+)$/i.exec(request.header('authorization') ?? '')?.[1];
  // Digests have one length, so that the time of the comparison tells nothing.
  if (shown !== undefined && timingSafeEqual(digest(shown.trim()), digest(token))) return;
  throw new ApiError(401, 'a token is needed: send it as Authorization: Bearer TOKEN', {
    code: 'invalid_api_key',
  });
}
