import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { ClientGone } from './apiError.js';
import type { Limits } from './limits.js';
import type { ModelPool } from './modelPool.js';
import type { PictureStore } from './pictureStore.js';
import type { RequestSchemas } from './schemas.js';
import type { WorkQueue } from './workQueue.js';

/** What the handlers share. */
export interface ServerParts {
  readonly models: ModelPool;
  readonly queue: WorkQueue;
  readonly store: PictureStore;
  readonly schemas: RequestSchemas;
  readonly limits: Limits;
  /** The program's, which pictures say with how they were drawn; undefined where they say nothing. */
  readonly version?: string | undefined;
  /** Aborts when work under way must end. */
  readonly ending: AbortSignal;
  /** Hears of failures that are not the client's. */
  readonly onFailure: (error: unknown) => void;
}

/** What Hono's handlers are told of the connection. */
export interface Env {
  readonly Bindings: HttpBindings;
}

/** Aborts when the client leaves, or the server must end. */
export function endOf({ req }: Context<Env>, ending: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const leave = () => gone.abort(new ClientGone());
  if (req.raw.signal.aborted) leave();
  else req.raw.signal.addEventListener('abort', leave, { once: true });
  return AbortSignal.any([gone.signal, ending]);
}
