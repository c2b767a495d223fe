import { Hono } from 'hono';
import { quotable } from '../errors.js';
import { type AccessRules, requireOwnOrigin, requireToken } from './access.js';
import { ApiError, asApiError, ClientGone } from './apiError.js';
import type { Env, ServerParts } from './context.js';
import { addInfoRoutes } from './infoRoutes.js';
import { addNativeRoutes } from './nativeRoutes.js';
import { addOpenAiRoutes } from './openAiRoutes.js';
import { addPage } from './pageFiles.js';

/** Headers of every answer: it is what it says, and for this server's own pages alone. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;
/** For answers that say nothing of it themselves. */
const STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** As other servers note it. */
const CLIENT_GONE = 499;

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
}

/** The answer to a request that failed. */
function failed(error: unknown): Response {
  const { status, body, details } = asApiError(error);
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  if (details.retryAfter !== undefined) headers.set('retry-after', String(details.retryAfter));
  if (status === 401) headers.set('www-authenticate', 'Bearer');
  return new Response(JSON.stringify(body), { status, headers });
}

/** The handlers of a server, without the server. */
export function createApp(
  parts: ServerParts,
  rules: AccessRules,
  isStopping: () => boolean,
  onAnswer: (request: AnsweredRequest) => void,
): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (context, next) => {
    const started = performance.now();
    const { req, env } = context;
    // Work may take long; afterwards the client must read.
    env.outgoing.setTimeout(0);
    await next();
    env.outgoing.setTimeout(parts.limits.answerMilliseconds);
    for (const [name, value] of Object.entries(HEADERS)) context.header(name, value);
    if (!context.res.headers.has('content-security-policy'))
      context.header('content-security-policy', STRICT_POLICY);
    if (isStopping()) context.header('connection', 'close');
    const { method, path } = req;
    onAnswer({ method, path, status: context.res.status, milliseconds: performance.now() - started });
  });
  app.use(async ({ req }, next) => {
    const request = { method: req.method, path: req.path, header: (name: string) => req.header(name) };
    requireOwnOrigin(request, rules);
    requireToken(request, rules);
    if (isStopping() && req.path !== '/healthz')
      throw new ApiError(503, 'the server is being stopped', { code: 'stopping' });
    await next();
  });
  addPage(app);
  addInfoRoutes(app, parts);
  addNativeRoutes(app, parts);
  addOpenAiRoutes(app, parts);
  app.notFound(({ req }) => {
    const methods = app.routes.filter(({ path, method }) => path === req.path && method !== 'ALL');
    if (methods.length === 0)
      return failed(new ApiError(404, 'there is nothing here; see /openapi.json', { code: 'not_found' }));
    const answer = failed(
      new ApiError(405, `${req.path} does not take ${quotable(req.method)}; see /openapi.json`),
    );
    answer.headers.set('allow', methods.map(({ method }) => method).join(', '));
    return answer;
  });
  app.onError((error) => {
    // Nobody reads it; what is noted of requests tells it from failures of the server.
    if (error instanceof ClientGone) return new Response(null, { status: CLIENT_GONE });
    parts.onFailure(error);
    return failed(error);
  });
  return app;
}
