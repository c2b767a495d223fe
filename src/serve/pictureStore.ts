import { randomBytes } from 'node:crypto';
import type { PictureEncoding } from '../index.js';

/** A finished picture. */
export interface KeptPicture {
  readonly bytes: Uint8Array;
  readonly encoding: PictureEncoding;
}

/** The most pictures that are kept, however small. */
const MAX_PICTURES = 4096;

/** Finished pictures under names that cannot be guessed; the oldest go when they are too many. */
export class PictureStore {
  private readonly kept = new Map<string, KeptPicture>();
  private bytes = 0;
  private readonly limit: number;

  /** @param limit bytes of all pictures */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** @returns the picture's name */
  keep(picture: KeptPicture): string {
    const name = `${randomBytes(16).toString('hex')}.${picture.encoding}`;
    this.kept.set(name, picture);
    this.bytes += picture.bytes.length;
    for (const [oldest, { bytes }] of this.kept) {
      if (oldest === name || (this.bytes <= this.limit && this.kept.size <= MAX_PICTURES)) break;
      this.kept.delete(oldest);
      this.bytes -= bytes.length;
    }
    return name;
  }

  find(name: string): KeptPicture | undefined {
    return this.kept.get(name);
  }
}
