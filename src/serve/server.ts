import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import { type AddressInfo, isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { LoadOptions } from '../index.js';
import { OutputError, systemReason, UsageError } from '../errors.js';
import { isLoopback } from './access.js';
import { ApiError, asApiError, ClientGone } from './apiError.js';
import { type AnsweredRequest, createApp } from './app.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import { ModelPool, type OfferedModel } from './modelPool.js';
import { PictureStore } from './pictureStore.js';
import { requestSchemas } from './schemas.js';
import { WorkQueue } from './workQueue.js';

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 7860;

/** The least length of a token that others than this machine can try. */
const MIN_TOKEN = 8;

export interface ServeOptions {
  /** Models on offer, the default first. */
  readonly models: readonly OfferedModel[];
  /** How they are loaded. */
  readonly load?: LoadOptions;
  /** Address to listen at (default 127.0.0.1); others than the machine's own need a token. */
  readonly host?: string;
  /** 0 takes any that is free. */
  readonly port?: number;
  /** What clients must show. */
  readonly token?: string | undefined;
  /** Further names under which the server is called. */
  readonly allowedHosts?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** The program's, which pictures say with how they were drawn; without it they say nothing. */
  readonly version?: string | undefined;
  /** Hears of every answer. */
  readonly onAnswer?: (request: AnsweredRequest) => void;
  /** Hears of failures that are not the client's. */
  readonly onFailure?: (error: unknown) => void;
}

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /**
   * Takes no new work, finishes what is under way or waits within the time for it, and frees everything. Once is enough.
   */
  stop(): Promise<void>;
}

/** @throws UsageError for addresses that others can reach without a token, and tokens that are easily guessed. */
function requireSafe(host: string, token: string | undefined): void {
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new UsageError('the token must be visible ASCII characters without spaces');
  if (isLoopback(host)) return;
  if (token === undefined)
    throw new UsageError(
      `host ${host} can be reached by others: set a token with --token or ARPG_TOKEN, or leave --host out`,
    );
  if (token.length < MIN_TOKEN)
    throw new UsageError(
      `the token is short: others can reach ${host}, so give it at least ${MIN_TOKEN} characters`,
    );
}

/** Starts to listen. @throws OutputError naming the address when it is taken or not to be had. */
async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'EADDRINUSE'
        ? 'another program listens there; use another --port, or 0 for any that is free'
        : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
          ? 'this machine has no such address'
          : systemReason(error);
    throw new OutputError(`${host}:${port}: cannot listen: ${reason}`, error);
  }
  return server.address() as AddressInfo;
}

const urlOf = ({ address, port }: AddressInfo) =>
  `http://${isIP(address) === 6 ? `[${address}]` : address}:${port}`;

/**
 * Serves models to this machine, or with a token to others.
 * @throws UsageError for options that are none or not safe, InputError for a model that cannot be used, OutputError when
 *   the address is taken.
 */
export async function startServer({
  host = DEFAULT_HOST,
  port = DEFAULT_PORT,
  onFailure = () => {},
  ...options
}: ServeOptions): Promise<RunningServer> {
  requireSafe(host, options.token);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const models = new ModelPool(options.models, options.load ?? {}, limits.loadedModels);
  const queue = new WorkQueue(limits.queue);
  const ending = new AbortController();
  let stopping: Promise<void> | undefined;
  const parts = {
    ...{ models, queue, limits, version: options.version },
    schemas: requestSchemas(limits),
    store: new PictureStore(limits.keptBytes),
    ending: ending.signal,
    onFailure: (error: unknown) => {
      const isExpected = error instanceof ApiError || error instanceof ClientGone;
      if (!isExpected && asApiError(error).status >= 500) onFailure(error);
    },
  };
  const names = [host, hostname(), `${hostname()}.local`, ...(options.allowedHosts ?? [])];
  const rules = { hosts: new Set(names.map((name) => name.toLowerCase())), token: options.token };
  const app = createApp(parts, rules, () => stopping !== undefined, options.onAnswer ?? (() => {}));
  const server = createServer(
    {
      headersTimeout: limits.headMilliseconds,
      requestTimeout: limits.requestMilliseconds,
      connectionsCheckingInterval: Math.min(5000, limits.headMilliseconds / 2),
    },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }),
  );
  server.maxConnections = limits.connections;
  const address = await listen(server, host, port);
  const stop = async () => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeIdleConnections();
    const reason = new ApiError(503, 'the server is being stopped', { code: 'stopping' });
    const timer = setTimeout(() => ending.abort(reason), limits.drainMilliseconds);
    await queue.drained();
    clearTimeout(timer);
    server.closeIdleConnections();
    // Answers that are under way are read or not; nobody is waited for longer than that.
    const cut = setTimeout(() => server.closeAllConnections(), limits.headMilliseconds);
    await closed;
    clearTimeout(cut);
    await models.dispose();
  };
  return {
    url: urlOf(address),
    host,
    port: address.port,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
