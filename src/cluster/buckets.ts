/** A stretch of one array in a bucket. */
export interface Piece {
  /** Which array. */
  readonly array: number;
  /** The first of its numbers. */
  readonly start: number;
  readonly length: number;
}

/**
 * Fills buckets with arrays one after another: small ones share a bucket, long ones reach over several. All buckets but
 * the last are full.
 * @param lengths of the arrays
 * @param capacity numbers that a bucket takes, at least 1
 */
export function bucketsOf(lengths: readonly number[], capacity: number): readonly (readonly Piece[])[] {
  const buckets: Piece[][] = [];
  let room = 0;
  for (const [array, total] of lengths.entries())
    for (let start = 0; start < total; ) {
      if (room === 0) {
        buckets.push([]);
        room = capacity;
      }
      const length = Math.min(room, total - start);
      buckets.at(-1)!.push({ array, start, length });
      start += length;
      room -= length;
    }
  return buckets;
}

/**
 * Replaces the numbers of arrays by what a function makes of them, a bucket at a time.
 * @param room memory of a bucket, used for one after another: new memory costs more than what is copied into it
 * @param combine replaces the numbers that it is given
 */
export async function throughBuckets(
  arrays: readonly Float32Array[],
  room: Float32Array,
  combine: (bucket: Float32Array) => Promise<void>,
): Promise<void> {
  for (const pieces of bucketsOf(
    arrays.map(({ length }) => length),
    room.length,
  )) {
    const bucket = room.subarray(
      0,
      pieces.reduce((sum, { length }) => sum + length, 0),
    );
    let place = 0;
    for (const { array, start, length } of pieces) {
      bucket.set(arrays[array]!.subarray(start, start + length), place);
      place += length;
    }
    await combine(bucket);
    place = 0;
    for (const { array, start, length } of pieces) {
      arrays[array]!.set(bucket.subarray(place, place + length), start);
      place += length;
    }
  }
}
