import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { InputError } from '../../src/errors.js';
import { openZip, readZipMember, verifyZipMember, ZipError } from '../../src/files/zipArchive.js';
import { temporaryFolder } from '../support/temporary.js';
import { type RawMember, zipBytes } from '../support/zips.js';

const text = Buffer.from('twelve bytes');

describe('zip archives', () => {
  const temporary = temporaryFolder();

  async function open(members: readonly RawMember[]) {
    writeFileSync(temporary('x.zip'), zipBytes(members));
    return openZip(temporary('x.zip'));
  }

  async function failure(members: readonly RawMember[]): Promise<string> {
    try {
      const archive = await open(members);
      for (const member of archive.members.values()) readZipMember(archive, member);
    } catch (error) {
      expect(error).to.be.instanceOf(ZipError);
      return (error as Error).message;
    }
    return expect.fail('the archive was accepted');
  }

  it('give back what was stored and what was packed', async () => {
    const zeros = Buffer.alloc(5000);
    const archive = await open([
      { name: 'a', data: text },
      { name: 'dir/b', data: zeros, compress: true },
      { name: 'none', data: Buffer.alloc(0) },
    ]);
    expect([...archive.members.keys()]).to.deep.equal(['a', 'dir/b', 'none']);
    const read = (name: string) => Buffer.from(readZipMember(archive, archive.members.get(name)!));
    expect(read('a').equals(text)).to.equal(true);
    expect(read('dir/b').equals(zeros)).to.equal(true);
    expect(read('none').length).to.equal(0);
    expect(() => verifyZipMember(archive, archive.members.get('a')!)).to.not.throw();
  });

  const bad: Readonly<Record<string, { members: readonly RawMember[]; reason: string }>> = {
    'a flipped bit': { members: [{ name: 'a', data: text, crc32: 1 }], reason: "the checksum of 'a'" },
    'a flipped bit in packed bytes': {
      members: [{ name: 'a', data: text, compress: true, crc32: 1 }],
      reason: "the checksum of 'a'",
    },
    'less than announced': {
      members: [{ name: 'a', data: text, compress: true, bytes: 99 }],
      reason: "'a' has another size than announced",
    },
    'more than announced': {
      members: [{ name: 'a', data: Buffer.alloc(9000), compress: true, bytes: 99 }],
      reason: "'a' cannot be unpacked",
    },
    'packed bytes that are none': {
      members: [{ name: 'a', data: Buffer.alloc(20, 0xff), method: 8 }],
      reason: "'a' cannot be unpacked",
    },
    'stored with two sizes': { members: [{ name: 'a', data: text, bytes: 13 }], reason: 'size mismatch' },
    'an encrypted member': {
      members: [{ name: 'a', data: text, flags: 1, bytes: 0 }],
      reason: 'is encrypted',
    },
    'another compression': { members: [{ name: 'a', data: text, method: 12 }], reason: 'not supported' },
    'one name for two': {
      members: [
        { name: 'a', data: text },
        { name: 'a', data: text },
      ],
      reason: "two members are called 'a'",
    },
    'bytes that two share': {
      members: [
        { name: 'a', data: text },
        { name: 'b', data: text, headerOffset: 0 },
      ],
      reason: 'overlap',
    },
    'an offset past the file': {
      members: [{ name: 'a', data: text, headerOffset: 0x7fffffff }],
      reason: 'points past its end',
    },
    'an offset past what a number holds': {
      members: [{ name: 'a', data: text, headerOffset: 2n ** 53n + 2n }],
      reason: 'points past its end',
    },
    'a name that leaves the folder': { members: [{ name: '../a', data: text }], reason: 'relative path' },
    'a bomb': {
      members: [{ name: 'a', data: Buffer.alloc(80 * 2 ** 20), compress: true }],
      reason: 'would unpack to 83886080',
    },
  };
  for (const [name, { members, reason }] of Object.entries(bad)) {
    it(`${name}: refused with a reason`, async () => {
      expect(await failure(members)).to.include(reason);
    });
  }

  it('a checksum is compared without reading the member at once', async () => {
    const archive = await open([
      { name: 'a', data: text, crc32: 5 },
      { name: 'b', data: text },
    ]);
    expect(() => verifyZipMember(archive, archive.members.get('a')!)).to.throw(ZipError, 'checksum');
    expect(() => verifyZipMember(archive, archive.members.get('b')!)).to.not.throw();
  });

  it('archives that were written without any checksum are read', async () => {
    const archive = await open([{ name: 'a', data: text, crc32: 0 }]);
    expect(Buffer.from(readZipMember(archive, archive.members.get('a')!)).equals(text)).to.equal(true);
  });

  it('every cut and every flipped byte is answered with bytes or an error of ours', async () => {
    const bytes = zipBytes([
      { name: 'a', data: text },
      { name: 'b', data: Buffer.alloc(300, 7), compress: true, headerOffset: 43n },
    ]);
    const variants = [...bytes.keys()].flatMap((place) => {
      const flipped = Buffer.from(bytes);
      flipped[place] = flipped[place]! ^ 0xff;
      return [bytes.subarray(0, place), flipped];
    });
    for (const variant of variants) {
      writeFileSync(temporary('y.zip'), variant);
      try {
        const archive = await openZip(temporary('y.zip'));
        for (const member of archive.members.values()) {
          const found = Buffer.from(readZipMember(archive, member));
          expect([text.length, 300]).to.include(found.length);
        }
      } catch (error) {
        if (!(error instanceof ZipError)) throw error;
      }
    }
  });

  it('folders and missing files are named', async () => {
    for (const [path, reason] of [
      [temporary('.'), 'it is a folder'],
      [temporary('none'), 'no such file'],
      ['/dev/null', 'a pipe or a device'],
    ] as const) {
      const error = await openZip(path).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(InputError).with.property('message').that.includes(reason);
    }
  });
});
