import { InputError, UsageError } from '../errors.js';

/** The kinds of failure, as OpenAI's API names them. */
export type ApiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'server_error';

type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 421 | 429 | 500 | 503;

const TYPES: Readonly<Partial<Record<ErrorStatus, ApiErrorType>>> = {
  401: 'authentication_error',
  403: 'permission_error',
  421: 'permission_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'server_error',
};

interface ApiErrorDetails {
  /** The parameter at fault. */
  readonly param?: string | undefined;
  /** A word that programs tell the failure by. */
  readonly code?: string;
  /** Seconds after which it is worth to ask again. */
  readonly retryAfter?: number;
}

/** A failure that the client is told about. */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly details: ApiErrorDetails;

  constructor(status: ErrorStatus, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }

  /** As OpenAI's API writes it. */
  get body() {
    const { param = null, code = null } = this.details;
    const type = TYPES[this.status] ?? 'invalid_request_error';
    return { error: { message: this.message, type, param, code } };
  }
}

/** The client left, and nobody waits for an answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
  constructor() {
    super('the client has left');
  }
}

/**
 * The failure that a client is told of. Settings and pictures at fault are the client's; of all else it learns nothing,
 * since messages may name files of this machine.
 */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof UsageError) return new ApiError(400, error.message);
  return new ApiError(500, 'the server could not do this; what it prints says why');
}

/** Runs what reads a client's picture, whose faults are the client's. @param param the parameter that holds it */
export async function ofClient<T>(param: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof InputError || error instanceof UsageError)
      throw new ApiError(400, error.message, { param });
    throw error;
  }
}
