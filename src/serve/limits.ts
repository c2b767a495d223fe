/** What a server lets its clients ask for. */
export interface Limits {
  /** Requests that wait or are drawn at once; more are told to come again. */
  readonly queue: number;
  /** Bytes of a request's body. */
  readonly bodyBytes: number;
  /** Bytes of a body without pictures, or of what is around them. */
  readonly textBytes: number;
  /** Pixels of a picture, given or drawn. */
  readonly pixels: number;
  /** Tokens of a picture that is drawn as a whole; what attention keeps of them grows with them. */
  readonly tokens: number;
  /** Tokens that are drawn anew in a given picture, window by window. */
  readonly redrawnTokens: number;
  /** Pictures of a request. */
  readonly count: number;
  /** Models in memory at once. */
  readonly loadedModels: number;
  /** Bytes of finished pictures that are kept for their URLs. */
  readonly keptBytes: number;
  /** Connections at once. */
  readonly connections: number;
  /** Milliseconds for a request's head, and for all of it. */
  readonly headMilliseconds: number;
  readonly requestMilliseconds: number;
  /** Milliseconds that a client may take to read on when its answer is there. */
  readonly answerMilliseconds: number;
  /** Milliseconds that work under way has to end when the server is stopped. */
  readonly drainMilliseconds: number;
}

export const DEFAULT_QUEUE = 32;

const MEBIBYTE = 2 ** 20;

export const DEFAULT_LIMITS: Limits = {
  queue: DEFAULT_QUEUE,
  bodyBytes: 16 * MEBIBYTE,
  textBytes: MEBIBYTE / 16,
  pixels: 2048 * 2048,
  tokens: 4096,
  redrawnTokens: 16_384,
  count: 16,
  loadedModels: 2,
  keptBytes: 64 * MEBIBYTE,
  connections: 1024,
  headMilliseconds: 10_000,
  requestMilliseconds: 60_000,
  answerMilliseconds: 60_000,
  drainMilliseconds: 60_000,
};
