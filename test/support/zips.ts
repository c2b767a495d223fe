import { crc32, deflateRawSync } from 'node:zlib';

/** A member of a hand-made archive; what is left out is as it should be. */
export interface RawMember {
  readonly name: string;
  readonly data: Uint8Array;
  readonly compress?: boolean;
  /** What the directory says instead of the truth. */
  readonly crc32?: number;
  readonly bytes?: number;
  readonly method?: number;
  /** 1 says that the member is encrypted. */
  readonly flags?: number;
  /** Where the local header is said to be. */
  readonly headerOffset?: number | bigint;
}

function header(signature: number, size: number, fields: Readonly<Record<number, number>>, short: number[]) {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(signature, 0);
  for (const [offset, value] of Object.entries(fields)) {
    if (short.includes(Number(offset))) bytes.writeUInt16LE(value, Number(offset));
    else bytes.writeUInt32LE(value, Number(offset));
  }
  return bytes;
}

/** A zip archive as the members say, also one that no program would write. */
export function zipBytes(members: readonly RawMember[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const { name, data, compress = false, flags = 0 } = member;
    const stored = compress ? deflateRawSync(data) : Buffer.from(data);
    const method = member.method ?? (compress ? 8 : 0);
    const crc = member.crc32 ?? crc32(data);
    const bytes = member.bytes ?? data.length;
    const place = member.headerOffset ?? offset;
    const far = typeof place === 'bigint';
    const extra = Buffer.alloc(far ? 12 : 0);
    if (far) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(8, 2);
      extra.writeBigUInt64LE(place, 4);
    }
    const local = header(
      0x04034b50,
      30,
      { 6: flags, 8: method, 14: crc, 18: stored.length, 22: bytes, 26: Buffer.byteLength(name) },
      [6, 8, 26],
    );
    const central = header(
      0x02014b50,
      46,
      {
        8: flags,
        10: method,
        16: crc,
        20: stored.length,
        24: bytes,
        28: Buffer.byteLength(name),
        30: extra.length,
        42: far ? 0xffffffff : place,
      },
      [8, 10, 28, 30],
    );
    parts.push(local, Buffer.from(name), stored);
    directory.push(central, Buffer.from(name), extra);
    offset += local.length + Buffer.byteLength(name) + stored.length;
  }
  const central = Buffer.concat(directory);
  const end = header(
    0x06054b50,
    22,
    { 8: members.length, 10: members.length, 12: central.length, 16: offset },
    [8, 10],
  );
  return Buffer.concat([...parts, central, end]);
}
