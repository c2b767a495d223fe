import type { EnvHttpProxyAgent, Response } from 'undici';
import { InputError } from '../errors.js';

/** How requests are made. */
export interface HttpOptions {
  /** Seconds without a byte after which a connection counts as dead. */
  readonly timeoutSeconds: number;
  /** Sent as `Authorization: Bearer`, to the first host only. */
  readonly token?: string;
}

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
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

function statusReason(status: number): string {
  if (status === 401 || status === 403)
    return `the server refuses access (${status}); a token can be given in HF_TOKEN`;
  return status === 404 ? 'there is no such file (404)' : `the server answers with status ${status}`;
}

/**
 * Asks for a URL. The signal ends the request, its body included.
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
  let response: Response;
  try {
    response = await fetch(url, {
      dispatcher: agent,
      signal,
      headers: {
        // Ranges and sizes count the file's own bytes.
        'accept-encoding': 'identity',
        'user-agent': 'arpg',
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    });
  } catch (error) {
    throw new PassingFailure(networkReason(error));
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
