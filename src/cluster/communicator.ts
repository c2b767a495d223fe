/** Processes that compute together; each calls the same in the same order. */
export interface Communicator {
  /** From 0. */
  readonly rank: number;
  readonly size: number;
  /** What carries the messages, for people. */
  readonly library: string;
  /** Replaces numbers by the sums of all ranks', the same to the bit at all of them. */
  sum(values: Float32Array | Float64Array): Promise<void>;
  /** Ends the work together; nothing may be called after it. */
  close(): Promise<void>;
}

/** What each rank says, by rank. @param own as many numbers at all ranks */
export async function gatherNumbers(
  communicator: Communicator,
  own: readonly number[],
): Promise<readonly (readonly number[])[]> {
  const { rank, size } = communicator;
  const all = new Float64Array(size * own.length);
  all.set(own, rank * own.length);
  await communicator.sum(all);
  return Array.from({ length: size }, (_, other) =>
    Array.from(all.subarray(other * own.length, (other + 1) * own.length)),
  );
}

/** Bytes that are sent at a time: each travels as a number. */
const CHUNK = 1 << 20;

/**
 * The bytes of one rank, at all of them.
 * @param own the bytes, at the rank that has them; ignored at the others
 */
export async function broadcastBytes(
  communicator: Communicator,
  from: number,
  own: Uint8Array,
): Promise<Uint8Array> {
  const isOwn = communicator.rank === from;
  const [length] = (await gatherNumbers(communicator, [isOwn ? own.length : 0]))[from]!;
  const result = new Uint8Array(length!);
  for (let start = 0; start < length!; start += CHUNK) {
    const end = Math.min(start + CHUNK, length!);
    const numbers = new Float32Array(end - start);
    if (isOwn) numbers.set(own.subarray(start, end));
    await communicator.sum(numbers);
    result.set(numbers, start);
  }
  return result;
}
