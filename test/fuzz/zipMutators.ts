import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { mutateBytes, type Mutator, ODD_NUMBERS } from './mutators.js';
import type { Random } from './random.js';

interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflated: boolean;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;

/** The members of an archive without surprises: local headers that know their sizes, one after another. */
function membersOf(zip: Buffer): readonly Member[] {
  const members: Member[] = [];
  for (let offset = 0; offset + LOCAL_BYTES < zip.length && zip.readUInt32LE(offset) === LOCAL_HEADER; ) {
    const [nameLength, extraLength] = [zip.readUInt16LE(offset + 26), zip.readUInt16LE(offset + 28)];
    const packed = zip.readUInt32LE(offset + 18);
    const start = offset + LOCAL_BYTES + nameLength + extraLength;
    const deflated = zip.readUInt16LE(offset + 8) !== 0;
    const bytes = zip.subarray(start, start + packed);
    members.push({
      name: zip.toString('utf8', offset + LOCAL_BYTES, offset + LOCAL_BYTES + nameLength),
      data: deflated ? inflateRawSync(bytes) : bytes,
      deflated,
    });
    offset = start + packed;
  }
  return members;
}

/** An archive of these members with right checksums. */
export function zipOf(members: readonly Member[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data, deflated } of members) {
    const packed = deflated ? deflateRawSync(data) : Buffer.from(data);
    const encodedName = Buffer.from(name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(deflated ? 8 : 0, 4);
    shared.writeUInt32LE(crc32(data) >>> 0, 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(data.length, 18);
    shared.writeUInt16LE(encodedName.length, 22);
    const signature = Buffer.alloc(4);
    signature.writeUInt32LE(LOCAL_HEADER);
    locals.push(signature, shared, encodedName, packed);
    const entry = Buffer.alloc(CENTRAL_BYTES);
    entry.writeUInt32LE(CENTRAL_HEADER);
    shared.copy(entry, 6);
    entry.writeUInt32LE(offset, 42);
    central.push(entry, encodedName);
    offset += LOCAL_BYTES + encodedName.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_RECORD);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

const HEADERS = [LOCAL_HEADER, CENTRAL_HEADER, END_RECORD];

/** Writes an odd number over a field of one of the archive's headers. */
function mutateHeader(zip: Buffer, random: Random): Uint8Array {
  const places: number[] = [];
  for (let offset = 0; offset + 4 <= zip.length; offset++)
    if (HEADERS.includes(zip.readUInt32LE(offset))) places.push(offset);
  if (places.length === 0) return mutateBytes(zip, random);
  const width = random.pick([2, 4]);
  const place = random.pick(places) + 4 + 2 * random.below(20);
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(random.pick(ODD_NUMBERS));
  const result = Buffer.from(zip);
  if (place + width <= result.length) number.copy(result, place, 0, width);
  return result;
}

/**
 * Changes an archive: a header's field, the members' order, names and number, or what is in one, with the checksum
 * right again.
 * @param inner changes a member's bytes, by its name
 */
export function mutateZip(inner: (name: string) => Mutator): Mutator {
  return (input, random) => {
    const zip = Buffer.from(input);
    const members = membersOf(zip);
    if (members.length === 0 || random.chance(0.3)) return mutateHeader(zip, random);
    const place = random.below(members.length);
    const member = members[place]!;
    switch (random.below(8)) {
      case 0:
        return zipOf(members.toSpliced(place, 1));
      case 1:
        return zipOf([...members, member]);
      case 2:
        return zipOf(
          members.with(place, {
            ...member,
            name: random.pick(['', '/', '../x', 'a\0b', 'é\x1b[1m', member.name.toUpperCase()]),
          }),
        );
      case 3:
        return zipOf(members.with(place, { ...member, deflated: !member.deflated }));
      default:
        if (member.data.length === 0) return mutateHeader(zip, random);
        return zipOf(members.with(place, { ...member, data: inner(member.name)(member.data, random) }));
    }
  };
}
