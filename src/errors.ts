/** Exit codes of the commands. */
export const EXIT_CODES = {
  done: 0,
  unexpected: 1,
  usage: 2,
  badInput: 3,
  noTarget: 4,
  output: 5,
  network: 6,
  interrupted: 130,
  terminated: 143,
  hungUp: 129,
} as const;

/** What each exit code says. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_CODES.done, 'done'],
  [EXIT_CODES.unexpected, 'unexpected failure'],
  [EXIT_CODES.usage, 'usage: flags, an unknown class, a combination that makes no sense'],
  [EXIT_CODES.badInput, 'bad input: image, tokens, checkpoint, configuration'],
  [EXIT_CODES.noTarget, 'no such target or device, or not enough memory'],
  [EXIT_CODES.output, 'output could not be written'],
  [EXIT_CODES.network, 'the network or a server failed'],
  [EXIT_CODES.hungUp, 'stopped because the terminal was closed'],
  [EXIT_CODES.interrupted, 'interrupted by Ctrl-C'],
  [EXIT_CODES.terminated, 'stopped by SIGTERM'],
];

/** A failure that the user can do something about: one line that says what is wrong, with what, and what to do. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** Flags, class names or combinations of them that make no sense. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
  constructor(message: string) {
    super(message, EXIT_CODES.usage);
  }
}

/** An image, mask, checkpoint, configuration or token stream that cannot be used. */
export class InputError extends UserError {
  override readonly name = 'InputError';
  constructor(message: string, cause?: unknown) {
    super(message, EXIT_CODES.badInput, cause);
  }
}

/** No such target or device, or not enough memory on it. */
export class TargetError extends UserError {
  override readonly name = 'TargetError';
  constructor(message: string, cause?: unknown) {
    super(message, EXIT_CODES.noTarget, cause);
  }
}

/** Output that could not be written. */
export class OutputError extends UserError {
  override readonly name = 'OutputError';
  constructor(message: string, cause?: unknown) {
    super(message, EXIT_CODES.output, cause);
  }
}

/** A server that did not answer as it should, or could not be reached. */
export class NetworkError extends UserError {
  override readonly name = 'NetworkError';
  constructor(message: string, cause?: unknown) {
    super(message, EXIT_CODES.network, cause);
  }
}

/** The most characters of a foreign name that a message quotes. */
const MAX_QUOTED = 100;

/** Text from a file as a message may quote it: of bounded length, without characters that do something. */
export function quotable(text: string): string {
  const clipped = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
  return clipped.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  EEXIST: 'it already exists',
  EDQUOT: 'the disk quota is used up',
  ENOTEMPTY: 'the folder is not empty',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle',
  EFBIG: 'the file is larger than the file system allows',
  EIO: 'the device reports an error',
  ETXTBSY: 'the program in it is running',
  ENXIO: 'no device or reader answers',
  ENODEV: 'there is no such device',
  EBUSY: 'it is in use',
  EINVAL: 'it does not take this',
  EPIPE: 'nobody reads it any more',
  EBADF: 'it is not open for this',
  ENOMEM: 'the memory is used up',
  EXDEV: 'it lies on another file system',
  EMLINK: 'there are too many links',
  ENOTSUP: 'it is not supported there',
  EOPNOTSUPP: 'it is not supported there',
  ESTALE: 'it is gone from the file server',
  ETIMEDOUT: 'the file server does not answer',
};

/** The system's reason for a failed file operation, in words. */
export function systemReason(error: unknown): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : SYSTEM_REASONS[code];
  if (known !== undefined) return known;
  // `ECODE: what it means, open '/a/path'`: the path may be a hidden one.
  const meaning = syscall === undefined ? undefined : /^[A-Z0-9_]+: (.+?), \w+(?: |$)/.exec(message)?.[1];
  return meaning ?? (message || String(error));
}
