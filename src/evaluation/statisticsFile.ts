import { openSafetensors, serializeSafetensors } from '../checkpoints/safetensors.js';
import { InputError } from '../errors.js';
import type { StoredTensor } from '../graph/weights.js';
import { type Shard, shardOf } from '../shard.js';
import type { ChunkSums, ScoreSums } from './inceptionScore.js';
import type { Moments } from './moments.js';
import type { SetStatistics } from './setStatistics.js';

/** The statistics of a part of a set. */
export interface PartStatistics {
  readonly shard: Shard;
  /** What tells the whole set from others. */
  readonly set: string;
  /** Pictures of the whole set. */
  readonly total: number;
  readonly statistics: SetStatistics;
}

/** Of these files, as they are now. */
const FORMAT = '1';

function doubles(shape: readonly number[], values: Float64Array): StoredTensor {
  return {
    dtype: 'f64',
    shape,
    read: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

function momentsTensors(prefix: string, { mean, scatter, count }: Moments): [string, StoredTensor][] {
  return [
    [`${prefix}.count`, doubles([1], Float64Array.of(count))],
    [`${prefix}.mean`, doubles([mean.length], mean)],
    [`${prefix}.scatter`, doubles([mean.length, mean.length], scatter)],
  ];
}

function scoreTensors(scores: ScoreSums): [string, StoredTensor][] {
  const chunks = [...scores];
  const classes = chunks[0]![1].sums.length;
  const table = chunks.flatMap(([chunk, { count, negentropy }]) => [chunk, count, negentropy]);
  const sums = chunks.flatMap(([, own]) => [...own.sums]);
  return [
    ['scores.chunks', doubles([chunks.length, 3], Float64Array.from(table))],
    ['scores.sums', doubles([chunks.length, classes], Float64Array.from(sums))],
  ];
}

/** The bytes of a file with the statistics of a part of a set, to be merged with those of the others. */
export function encodePart({ shard, set, total, statistics }: PartStatistics): Iterable<Uint8Array> {
  const { network, digest, pool, spatial, scores, rows } = statistics;
  const tensors = new Map([
    ...momentsTensors('pool', pool),
    ...(spatial ? momentsTensors('spatial', spatial) : []),
    ...(scores ? scoreTensors(scores) : []),
    [
      'rows',
      {
        dtype: 'f32',
        shape: [rows.count, rows.width],
        read: () => new Uint8Array(rows.values.buffer, rows.values.byteOffset, rows.values.byteLength),
      },
    ] as [string, StoredTensor],
  ]);
  return serializeSafetensors(tensors, {
    arpg_statistics: FORMAT,
    network,
    digest,
    set,
    shard: `${shard.index}/${shard.count}`,
    total: String(total),
  });
}

/** Reads numbers of a file that may be damaged. */
class PartReader {
  private readonly tensors: ReadonlyMap<string, StoredTensor>;
  private readonly fail: (reason: string) => never;

  constructor(tensors: ReadonlyMap<string, StoredTensor>, fail: (reason: string) => never) {
    this.tensors = tensors;
    this.fail = fail;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  private tensor(name: string, dtype: 'f64' | 'f32', axes: number): StoredTensor {
    const tensor = this.tensors.get(name);
    if (tensor?.dtype !== dtype || tensor.shape.length !== axes)
      return this.fail(`it has no usable '${name}'`);
    return tensor;
  }

  doubles(name: string, axes: number): { readonly shape: readonly number[]; readonly data: Float64Array } {
    const { shape, read } = this.tensor(name, 'f64', axes);
    const data = new Float64Array(read().slice().buffer);
    if (!data.every(Number.isFinite)) return this.fail(`'${name}' holds numbers that are not finite`);
    return { shape, data };
  }

  moments(prefix: string): Moments {
    const mean = this.doubles(`${prefix}.mean`, 1).data;
    const { shape, data: scatter } = this.doubles(`${prefix}.scatter`, 2);
    const count = this.doubles(`${prefix}.count`, 1).data[0] ?? 0;
    if (shape.some((size) => size !== mean.length) || !(Number.isSafeInteger(count) && count > 0))
      return this.fail(`the sizes of '${prefix}' do not fit each other`);
    return { count, mean, scatter };
  }

  scores(): ScoreSums {
    const table = this.doubles('scores.chunks', 2);
    const sums = this.doubles('scores.sums', 2);
    const [chunks, classes] = sums.shape as [number, number];
    if (table.shape[0] !== chunks || table.shape[1] !== 3)
      return this.fail('the sizes of its scores do not fit each other');
    return new Map(
      Array.from({ length: chunks }, (_, row): readonly [number, ChunkSums] => {
        const [chunk, count, negentropy] = table.data.slice(row * 3, row * 3 + 3) as unknown as [
          number,
          number,
          number,
        ];
        return [chunk, { count, negentropy, sums: sums.data.slice(row * classes, (row + 1) * classes) }];
      }),
    );
  }

  rows(): SetStatistics['rows'] {
    const { shape, read } = this.tensor('rows', 'f32', 2);
    const values = new Float32Array(read().slice().buffer);
    if (!values.every(Number.isFinite)) return this.fail("'rows' holds numbers that are not finite");
    return { count: shape[0]!, width: shape[1]!, values };
  }
}

/**
 * Reads a file that `encodePart` made.
 * @throws InputError naming the file when it is another, or damaged.
 */
export function readPart(path: string): PartStatistics {
  const fail = (reason: string): never => {
    throw new InputError(`${path}: no statistics of pictures: ${reason}`);
  };
  const { tensors, metadata } = openSafetensors(path);
  const { arpg_statistics: format, network, digest, shard, set, total } = metadata;
  if (format === undefined) return fail('it was not written by arpg eval --shard');
  if (format !== FORMAT) return fail('it was written by a newer version of arpg; update arpg');
  const part = shardOf(shard ?? '');
  if (!network || !digest || !set || !part || !/^\d{1,15}$/.test(total ?? ''))
    return fail('it does not say what it is of');
  const reader = new PartReader(tensors, fail);
  const rows = reader.rows();
  const pool = reader.moments('pool');
  if (rows.count !== pool.count || rows.width !== pool.mean.length)
    return fail('it has other features than it counts');
  return {
    shard: part,
    set,
    total: Number(total),
    statistics: {
      ...{ network, digest, pool, rows },
      ...(reader.has('spatial.mean') && { spatial: reader.moments('spatial') }),
      ...(reader.has('scores.sums') && { scores: reader.scores() }),
    },
  };
}
