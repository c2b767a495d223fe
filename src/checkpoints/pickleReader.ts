import { PickleError } from './pickleValues.js';

/** Whole numbers of more bytes serve nothing, and cost more than their length. */
const MAX_INTEGER_BYTES = 256;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads the operands of pickle instructions one after the other. */
export class PickleReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private advance(count: number): number {
    const start = this.position;
    if (!(start + count <= this.bytes.length)) throw new PickleError('the pickle ends early');
    this.position += count;
    return start;
  }

  u8 = () => this.view.getUint8(this.advance(1));
  u16 = () => this.view.getUint16(this.advance(2), true);
  i32 = () => this.view.getInt32(this.advance(4), true);
  u32 = () => this.view.getUint32(this.advance(4), true);
  /** Lengths of 64 bits; larger ones than a file can have need not be exact. */
  u64 = () => Number(this.view.getBigUint64(this.advance(8), true));
  f64BigEndian = () => this.view.getFloat64(this.advance(8), false);

  skip(count: number): void {
    this.advance(count);
  }

  text(count: number): string {
    const start = this.advance(count);
    return count === 0 ? '' : decoder.decode(this.bytes.subarray(start, start + count));
  }

  /** Text up to a line feed. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleError('the pickle ends early');
    const text = this.text(end - this.position);
    this.advance(1);
    return text;
  }

  /** A little-endian whole number with sign. */
  integer(count: number): number | bigint {
    if (count > MAX_INTEGER_BYTES) throw new PickleError(`the pickle holds a number of ${count} bytes`);
    const start = this.advance(count);
    let value = 0n;
    for (let index = start + count - 1; index >= start; index--)
      value = (value << 8n) | BigInt(this.bytes[index]!);
    const signed = BigInt.asIntN(8 * count, value);
    return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
  }
}
