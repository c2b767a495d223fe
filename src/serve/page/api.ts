import type { ClassObject, DrawEvents, ErrorObject, LimitsObject, ModelObject } from '../wire.js';
import { splitEvents } from './eventText.js';

/** A failure that the server tells of, or that it cannot be reached. */
export class ServerFailure extends Error {
  /** 0 when there is no answer. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type DrawEvent = {
  [Name in keyof DrawEvents]: { readonly name: Name; readonly data: DrawEvents[Name] };
}[keyof DrawEvents];

export type DrawKind = 'sample' | 'inpaint' | 'outpaint' | 'edit';

/** The server's interface, as the page uses it. */
export interface Api {
  models(): Promise<readonly ModelObject[]>;
  classes(model: string): Promise<readonly ClassObject[]>;
  limits(): Promise<LimitsObject>;
  /** Draws, and gives each event; leaving ends the work. */
  draw(kind: DrawKind, body: object, signal: AbortSignal): AsyncGenerator<DrawEvent>;
}

async function failureOf(answer: Response): Promise<ServerFailure> {
  const text = await answer.text();
  try {
    return new ServerFailure(answer.status, (JSON.parse(text) as ErrorObject).error.message);
  } catch {
    return new ServerFailure(answer.status, `the server answers ${answer.status}`);
  }
}

/** @param askToken gives the token; `isWrong` says that the one it gave before was refused */
export function createApi(askToken: (isWrong: boolean) => Promise<string>, known: string | undefined): Api {
  let token = known;
  let asking: Promise<string> | undefined;
  /** Asks once for all requests that were refused with the same token. */
  const renew = async (refused: string | undefined): Promise<void> => {
    if (token !== refused) return;
    asking ??= askToken(refused !== undefined).finally(() => {
      asking = undefined;
    });
    token = await asking;
  };
  const send = async (path: string, options: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(options.headers);
    const used = token;
    if (used !== undefined) headers.set('authorization', `Bearer ${used}`);
    const answer = await fetch(path, { ...options, headers }).catch((error: unknown) => {
      if (options.signal?.aborted) throw error;
      throw new ServerFailure(0, 'the server does not answer; is it still running?');
    });
    if (answer.status === 401) {
      await renew(used);
      return send(path, options);
    }
    if (!answer.ok) throw await failureOf(answer);
    return answer;
  };
  const get = async <T>(path: string): Promise<T> => (await send(path)).json() as Promise<T>;
  return {
    models: async () => (await get<{ data: readonly ModelObject[] }>('/v1/models')).data,
    classes: async (model) =>
      (await get<{ data: readonly ClassObject[] }>(`/v1/models/${encodeURIComponent(model)}/classes`)).data,
    limits: () => get<LimitsObject>('/v1/arpg/limits'),
    async *draw(kind, body, signal) {
      const answer = await send(`/v1/arpg/${kind}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal,
      });
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { value, done } = await reader.read().catch((error: unknown) => {
          if (signal.aborted) throw error;
          throw new ServerFailure(0, 'the connection to the server broke');
        });
        if (done) return;
        const { events, rest } = splitEvents(text + value);
        text = rest;
        for (const { name, data } of events) yield { name, data: JSON.parse(data) as unknown } as DrawEvent;
      }
    },
  };
}
