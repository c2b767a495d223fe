import { crc32, inflateRawSync } from 'node:zlib';
import yauzl from 'yauzl';
import { InputError, quotable } from '../errors.js';
import { readFileRange, regularFileSize } from './fileRange.js';

/** A file in an archive. */
export interface ZipMember {
  readonly name: string;
  /** Where its stored bytes start in the archive. */
  readonly offset: number;
  readonly storedBytes: number;
  /** Number of bytes when unpacked; the same as stored unless `compressed`. */
  readonly bytes: number;
  readonly compressed: boolean;
  /** CRC-32 of the unpacked bytes. */
  readonly crc32: number;
}

/** The directory of an archive; the members' bytes stay in the file. */
export interface ZipArchive {
  readonly path: string;
  readonly members: ReadonlyMap<string, ZipMember>;
  /** Whether checksums were written; PyTorch can leave them out, all are zero then. */
  readonly hasChecksums: boolean;
}

/** An archive that is damaged or made to do harm. */
export class ZipError extends Error {
  override readonly name = 'ZipError';
}

/** Checkpoints and data sets have some thousand members at most. */
const MAX_MEMBERS = 1 << 17;
/** What an archive may unpack to, in all: real arrays do not shrink further, but for a few that are all zeros. */
const MAX_INFLATION = 32;
const FREE_INFLATION_BYTES = 64 * 2 ** 20;
/** Local headers come before the bytes of a member. */
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;
/** The archive is read ahead in blocks, since a directory is read entry by entry. */
const BLOCK_BYTES = 1 << 16;
/** Checksums of large members are computed in pieces. */
const PIECE_BYTES = 1 << 22;

const damaged = (reason: string) =>
  new ZipError(`the zip archive is damaged (${reason}); copy or download it again`);

/** Reads from a file for yauzl, and answers what lies outside of the file with an error instead of a throw. */
class BoundedReader extends yauzl.RandomAccessReader {
  private readonly path: string;
  private readonly size: number;
  private block = { start: 0, bytes: new Uint8Array(0) };

  constructor(path: string, size: number) {
    super();
    this.path = path;
    this.size = size;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let failure: Error | null = null;
    try {
      buffer.set(this.range(position, length), offset);
    } catch (error) {
      failure = error as Error;
    }
    callback(failure);
  }

  private range(position: number, length: number): Uint8Array {
    if (!(position >= 0 && position + length <= this.size)) throw damaged('it points past its end');
    const inBlock = () => position - this.block.start;
    if (inBlock() < 0 || inBlock() + length > this.block.bytes.length) {
      const bytes = Math.max(length, Math.min(BLOCK_BYTES, this.size - position));
      this.block = { start: position, bytes: readFileRange(this.path, position, bytes) };
    }
    return this.block.bytes.subarray(inBlock(), inBlock() + length);
  }
}

function openReader(path: string, size: number): Promise<yauzl.ZipFile> {
  const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true };
  return new Promise((resolve, reject) => {
    yauzl.fromRandomAccessReader(new BoundedReader(path, size), size, options, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

async function listMembers(zip: yauzl.ZipFile): Promise<readonly ZipMember[]> {
  if (zip.entryCount > MAX_MEMBERS)
    throw new ZipError(`the zip archive has ${zip.entryCount} members, more than ${MAX_MEMBERS}`);
  const entries: yauzl.Entry[] = [];
  for await (const entry of zip.eachEntry()) entries.push(entry);
  const members: ZipMember[] = [];
  // Local headers lie far apart; read after the directory, they do not spoil the reading ahead.
  for (const entry of entries) {
    const name = `'${quotable(entry.fileName)}'`;
    if (entry.isEncrypted()) throw new ZipError(`the zip archive's member ${name} is encrypted`);
    if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
      throw new ZipError(`the zip archive's member ${name} is compressed in a way that is not supported`);
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    members.push({
      name: entry.fileName,
      offset: fileDataStart,
      storedBytes: entry.compressedSize,
      bytes: entry.uncompressedSize,
      compressed: entry.compressionMethod === DEFLATED,
      crc32: entry.crc32,
    });
  }
  return members;
}

/** Refuses archives whose members share bytes, have one name, or unpack to far more than the archive holds. */
function requireHonest(members: readonly ZipMember[], size: number): void {
  const names = new Set<string>();
  for (const { name } of members) {
    if (names.has(name)) throw damaged(`two members are called '${quotable(name)}'`);
    names.add(name);
  }
  const sorted = [...members].sort((a, b) => a.offset - b.offset);
  for (const [index, { name, offset }] of sorted.entries()) {
    const previous = sorted[index - 1];
    if (previous && previous.offset + previous.storedBytes + LOCAL_HEADER_BYTES > offset)
      throw damaged(`members '${quotable(previous.name)}' and '${quotable(name)}' overlap`);
  }
  const unpacked = members.reduce((total, { bytes }) => total + bytes, 0);
  if (unpacked > FREE_INFLATION_BYTES + MAX_INFLATION * size)
    throw new ZipError(
      `the zip archive of ${size} bytes would unpack to ${unpacked}; pack it anew without compression`,
    );
}

/**
 * Reads the directory of a zip archive and checks it wholly.
 * @throws ZipError when it is damaged or hostile, InputError naming the file when it cannot be read.
 */
export async function openZip(path: string): Promise<ZipArchive> {
  const size = regularFileSize(path);
  let members: readonly ZipMember[];
  try {
    members = await listMembers(await openReader(path, size));
  } catch (error) {
    if (error instanceof ZipError || error instanceof InputError) throw error;
    throw damaged(quotable((error as Error).message));
  }
  requireHonest(members, size);
  return {
    path,
    members: new Map(members.map((member) => [member.name, member])),
    hasChecksums: members.some((member) => member.crc32 !== 0),
  };
}

function requireChecksum({ hasChecksums }: ZipArchive, member: ZipMember, found: number): void {
  if (hasChecksums && found !== member.crc32)
    throw damaged(`the checksum of '${quotable(member.name)}' is another`);
}

function inflate(member: ZipMember, stored: Uint8Array): Uint8Array {
  let bytes: Buffer;
  try {
    // One piece of the announced size, and room to notice what is beyond it.
    const chunkSize = Math.max(member.bytes + 1, 64);
    bytes = inflateRawSync(stored, { maxOutputLength: chunkSize, chunkSize });
  } catch {
    throw damaged(`'${quotable(member.name)}' cannot be unpacked`);
  }
  if (bytes.length !== member.bytes)
    throw damaged(`'${quotable(member.name)}' has another size than announced`);
  return bytes;
}

/**
 * The bytes of a member, unpacked.
 * @throws ZipError when they are not what the archive's directory announces.
 */
export function readZipMember(archive: ZipArchive, member: ZipMember): Uint8Array {
  const stored = readFileRange(archive.path, member.offset, member.storedBytes);
  const bytes = member.compressed ? inflate(member, stored) : stored;
  requireChecksum(archive, member, crc32(bytes));
  return bytes;
}

/**
 * Checks the checksum of a member that is not compressed, with little in memory.
 * @throws ZipError when it is another.
 */
export function verifyZipMember(archive: ZipArchive, member: ZipMember): void {
  let found = 0;
  for (let done = 0; done < member.storedBytes; done += PIECE_BYTES) {
    const bytes = Math.min(PIECE_BYTES, member.storedBytes - done);
    found = crc32(readFileRange(archive.path, member.offset + done, bytes), found);
  }
  requireChecksum(archive, member, found);
}
