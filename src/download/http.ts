import type { EnvHttpProxyAgent, Response } from 'undici';
import { InputError } from '../errors.js';
import { shorten } from '../printable.js';
import type { HttpOptions } from './httpOptions.js';

/** As many as browsers follow. */
const MAX_REDIRECTS = 20;
/** Of a text from a server that a message quotes. */
const MAX_SHOWN = 200;

/** Honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
let agent: EnvHttpProxyAgent | undefined;

/** A failure that trying again may cure: a cut or silent connection, an overloaded server. */
export class PassingFailure extends Error {
  override readonly name = 'PassingFailure';
}

/** The innermost reason that a request failed. */
export function networkReason(error: unknown): string {
  const { cause, message, code } = error as Error & { readonly code?: string };
  if (cause instanceof Error) return networkReason(cause);
  return message || code || String(error);
}

const SERVER_ERRORS = 500;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

function statusReason(status: number): string {
  if (status === 401 || status === 403)
    return `the server refuses access (${status}); a token can be given in HF_TOKEN`;
  return status === 404 ? 'there is no such file (404)' : `the server answers with status ${status}`;
}

/** Where a server sends on. @throws InputError unless it is a URL of the web, and as safe as the one before. */
function redirectedTo(url: string, from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isWeb = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:');
  if (!to || !isWeb)
    throw new InputError(
      `${url}: cannot be downloaded: the server redirects to '${shorten(location, MAX_SHOWN)}', which is not followed`,
    );
  return to;
}

/**
 * Asks for a URL, and for those that it redirects to. The signal ends the request, its body included.
 * @throws PassingFailure where trying again may help, InputError naming the URL where not.
 */
export async function request(
  url: string,
  headers: Readonly<Record<string, string>>,
  { token }: HttpOptions,
  signal: AbortSignal,
): Promise<Response> {
  // Loaded here because only pulling needs it.
  const { EnvHttpProxyAgent, fetch } = await import('undici');
  agent ??= new EnvHttpProxyAgent();
  const dispatcher = agent;
  const ask = async (at: URL): Promise<Response> => {
    try {
      return await fetch(at.href, {
        dispatcher,
        signal,
        redirect: 'manual',
        headers: {
          // Ranges and sizes count the file's own bytes.
          'accept-encoding': 'identity',
          'user-agent': 'arpg',
          ...headers,
          ...(token !== undefined &&
            at.origin === new URL(url).origin && { authorization: `Bearer ${token}` }),
        },
      });
    } catch (error) {
      throw new PassingFailure(networkReason(error));
    }
  };
  let place = new URL(url);
  let response = await ask(place);
  for (let redirects = 0; REDIRECTS.has(response.status); redirects++) {
    await response.body?.cancel();
    if (redirects === MAX_REDIRECTS)
      throw new InputError(`${url}: cannot be downloaded: the server redirects in a circle`);
    place = redirectedTo(url, place, response.headers.get('location') ?? '');
    response = await ask(place);
  }
  const { status } = response;
  if (status < 400 || status === 416) return response;
  await response.body?.cancel();
  if (status >= SERVER_ERRORS || PASSING_STATUSES.has(status))
    throw new PassingFailure(`the server answers with status ${status}`);
  throw new InputError(`${url}: cannot be downloaded: ${statusReason(status)}`);
}

/** A signal that fires when nothing has happened for a while. */
export class StallTimer {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;

  constructor(seconds: number) {
    this.timer = setTimeout(() => {
      this.controller.abort(new PassingFailure(`nothing came for ${seconds} s`));
    }, seconds * 1000);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Something has happened. */
  restart(): void {
    this.timer.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
