import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import sharp from 'sharp';
import { decodeImage, decodeRgba, encodePng } from '../../src/data/image.js';
import { splitPictures } from '../../src/data/imageStream.js';
import { profileChunk } from '../../src/data/colourProfile.js';
import { joinPng } from '../../src/data/pngFile.js';
import { InputError } from '../../src/errors.js';
import { pattern } from '../support/pngs.js';
import { pngHeader, rawPng } from '../support/rawPng.js';

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/pictures/${name}`, import.meta.url)));
const pixels = (width: number, height: number) =>
  sharp(pattern(width, height, 3), { raw: { width, height, channels: 3 } });

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await decodeRgba(bytes, 'bad').then(
    () => expect.fail('accepted'),
    (reason: Error) => reason,
  );
  expect(error).to.be.instanceOf(InputError);
  return error.message;
}

/** Red, green and blue of a pixel. */
async function colourAt(bytes: Uint8Array, column: number, row: number): Promise<readonly number[]> {
  const { width, data } = await decodeImage(bytes, 'x');
  const place = (row * width + column) * 3;
  return Array.from(data.subarray(place, place + 3));
}

describe('pictures of other formats', () => {
  it('are refused by their content and named', async () => {
    const animated = await sharp(pattern(4, 8, 3), {
      raw: { width: 4, height: 8, channels: 3, pageHeight: 4 },
    })
      .webp({ loop: 0 })
      .toBuffer();
    const cases: readonly (readonly [string, Uint8Array])[] = [
      ['a GIF', await pixels(4, 4).gif().toBuffer()],
      ['a TIFF', await pixels(4, 4).tiff().toBuffer()],
      ['an AVIF', await pixels(16, 16).avif({ effort: 0 }).toBuffer()],
      ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
      ['an SVG', Buffer.from('<?xml version="1.0"?>\n<!-- x -->\n<svg width="9" height="9"></svg>')],
      ['a PDF', Buffer.from('%PDF-1.7\n')],
      ['a HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0', 'latin1')],
      ['an HTML page', Buffer.from('<!DOCTYPE html><html><body>404</body></html>')],
      ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')],
      ['transfer in text mode', Buffer.from('\x89PNG\n\x1a\n\0\0\0\rIHDR', 'latin1')],
      ['a moving picture of 2 frames', animated],
      ['not a picture of a known format', Buffer.from('hello')],
    ];
    for (const [name, bytes] of cases) expect(await refusal(bytes)).to.include(name);
  });
});

describe('JPEG and WebP', () => {
  it('cut short says so, whatever is missing', async () => {
    expect(await refusal(fixture('trunc.jpg'))).to.include('the JPEG is cut short');
    const jpeg = await pixels(40, 30).jpeg().toBuffer();
    for (const length of [3, 20, 200, jpeg.length - 100, jpeg.length - 2])
      expect(await refusal(jpeg.subarray(0, length)), String(length)).to.include('the JPEG is cut short');
    const webp = await pixels(40, 30).webp().toBuffer();
    for (const length of [30, webp.length - 3])
      expect(await refusal(webp.subarray(0, length))).to.include('the WebP is cut short');
  });

  it('damaged inside is refused, and what follows the end is ignored', async () => {
    const jpeg = await pixels(64, 64).jpeg({ quality: 95 }).toBuffer();
    const table = Buffer.from(jpeg);
    table.fill(0xff, jpeg.indexOf(Buffer.of(0xff, 0xc4)) + 5, jpeg.indexOf(Buffer.of(0xff, 0xc4)) + 20);
    expect(await refusal(table)).to.match(/the JPEG is (damaged|cut short)/);
    const webp = await pixels(64, 64).webp({ lossless: true }).toBuffer();
    const changed = Buffer.from(webp);
    changed.fill(0xff, 30);
    expect(await refusal(changed)).to.include('the WebP is damaged');
    for (const bytes of [jpeg, webp])
      expect(await decodeImage(Buffer.concat([bytes, Buffer.from('tail')]), 'x')).to.deep.equal(
        await decodeImage(bytes, 'x'),
      );
  });

  it('huge sizes in small files are refused before they are decoded', async () => {
    const jpeg = await pixels(16, 16).jpeg().toBuffer();
    const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0));
    jpeg.writeUInt16BE(65_500, frame + 5);
    jpeg.writeUInt16BE(65_500, frame + 7);
    const webp = await pixels(16, 16).webp({ lossless: true }).toBuffer();
    webp.writeUInt32LE(16_382 | (16_382 << 14), 21);
    const before = process.cpuUsage();
    expect(await refusal(jpeg)).to.include('65500×65500 pixels are more than');
    expect(await refusal(webp)).to.include('16383×16383 pixels are more than');
    const { user, system } = process.cpuUsage(before);
    expect(user + system).to.be.below(500_000);
  });

  it('scans without end are refused', async () => {
    const jpeg = await pixels(16, 16).jpeg({ progressive: true }).toBuffer();
    const last = jpeg.subarray(jpeg.lastIndexOf(Buffer.of(0xff, 0xda)), jpeg.length - 2);
    const many = Buffer.concat([
      jpeg.subarray(0, jpeg.length - 2),
      ...new Array<Buffer>(40).fill(last),
      Buffer.of(0xff, 0xd9),
    ]);
    expect(await refusal(many)).to.match(/over its pixels \d+ times/);
  });

  it('CMYK JPEGs and grey ones become sRGB', async () => {
    const red = sharp({ create: { width: 8, height: 8, channels: 3, background: '#c02020' } });
    const cmyk = await red.clone().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    const [r, g, b] = await colourAt(cmyk, 4, 4);
    expect(r).to.be.within(150, 220);
    expect(Math.max(g!, b!)).to.be.below(90);
    const grey = await red.clone().greyscale().jpeg({ quality: 100 }).toBuffer();
    expect(new Set(await colourAt(grey, 4, 4)).size).to.equal(1);
  });
});

describe('colour profiles', () => {
  it('become sRGB the same way in PNG, JPEG and WebP', async () => {
    for (const extension of ['png', 'jpg', 'webp']) {
      const [red, green, blue] = (await colourAt(fixture(`bgr.${extension}`), 31, 31)) as [
        number,
        number,
        number,
      ];
      expect([red, green], extension).to.satisfy((values: number[]) =>
        values.every((v) => Math.abs(v - 36) < 3),
      );
      expect(blue, extension).to.be.within(219, 223);
    }
  });

  it('that say sRGB leave the pixels as they are, to the bit', async () => {
    const plain = encodePng({ width: 16, height: 16, data: pattern(16, 16, 3) });
    const tagged = await sharp(plain).withIccProfile('srgb').png().toBuffer();
    expect(tagged.includes('iCCP')).to.equal(true);
    expect(await decodeImage(tagged, 'x')).to.deep.equal(await decodeImage(plain, 'x'));
    const lossless = await sharp(plain).withIccProfile('srgb').webp({ lossless: true }).toBuffer();
    expect(Buffer.from((await decodeImage(lossless, 'x')).data)).to.deep.equal(
      Buffer.from(pattern(16, 16, 3)),
    );
    // The photographs of the fixtures carry the oldest and most common sRGB profile.
    const upright = await decodeRgba(fixture('exif6.png'), 'x');
    const stored = await sharp(fixture('exif6.png'), { ignoreIcc: true })
      .autoOrient()
      .ensureAlpha()
      .raw()
      .toBuffer();
    expect(Buffer.from(upright.data)).to.deep.equal(stored);
  });

  it('of 16 bits and with transparency are converted too, and a broken profile says nothing', async () => {
    const { icc } = await sharp(fixture('bgr.png')).metadata();
    const value = (eight: number, depth: number) => (depth === 8 ? [eight] : [eight, eight]);
    const picture = (depth: number, profile: Uint8Array) =>
      rawPng({
        ...{ width: 1, height: 1, depth, colourType: 6 },
        rows: Uint8Array.from([0, ...[220, 40, 40, 77].flatMap((eight) => value(eight, depth))]),
        extras: [profileChunk(profile)],
      });
    for (const depth of [8, 16]) {
      const [red, green, blue, alpha] = (await decodeRgba(picture(depth, icc!), 'x'))
        .data as unknown as number[];
      expect([red! < 40, green! < 40, blue! > 215, alpha], String(depth)).to.deep.equal([
        true,
        true,
        true,
        77,
      ]);
      const broken = await decodeRgba(picture(depth, Buffer.from('no profile at all')), 'x');
      expect(Array.from(broken.data), String(depth)).to.deep.equal([220, 40, 40, 77]);
    }
  });
});

describe('gamma of a PNG', () => {
  const grey = async (value: number, gamma: number, ...more: readonly (readonly [string, Uint8Array])[]) => {
    const chunk = Buffer.alloc(4);
    chunk.writeUInt32BE(gamma);
    const rows = Uint8Array.of(0, value);
    const { data } = await decodeImage(
      rawPng({ width: 1, height: 1, rows, extras: [['gAMA', chunk], ...more] }),
      'x',
    );
    return data[0];
  };

  it('counts where nothing else is said about colours, and that of sRGB changes nothing', async () => {
    expect(await grey(55, 100_000)).to.be.within(126, 130);
    expect(await grey(128, 55_556)).to.be.within(144, 152);
    for (const value of [0, 3, 128, 255]) expect(await grey(value, 45_455)).to.equal(value);
    expect(await grey(55, 100_000, ['sRGB', Uint8Array.of(0)])).to.equal(55);
    expect(await grey(55, 0)).to.equal(55);
  });
});

describe('EXIF orientation', () => {
  it('is the same in PNG, JPEG and WebP', async () => {
    for (const extension of ['png', 'jpg', 'webp']) {
      const { width, height } = await decodeImage(fixture(`exif6.${extension}`), extension);
      expect([width, height], extension).to.deep.equal([48, 64]);
    }
    const [png, webp] = [
      await decodeImage(fixture('exif6.png'), 'x'),
      await decodeImage(fixture('exif6.webp'), 'x'),
    ];
    const difference = png.data.reduce((sum, value, index) => sum + Math.abs(value - webp.data[index]!), 0);
    expect(difference / png.data.length).to.be.below(6);
  });

  it('turns each of its eight cases upright as sharp does', async () => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const tagged = await pixels(5, 3).withMetadata({ orientation }).png().toBuffer();
      const expected = await sharp(tagged).autoOrient().raw().toBuffer({ resolveWithObject: true });
      const image = await decodeImage(tagged, 'x');
      expect([image.width, image.height]).to.deep.equal([expected.info.width, expected.info.height]);
      expect(Buffer.from(image.data), String(orientation)).to.deep.equal(expected.data);
    }
  });
});

describe('several JPEG and WebP pictures on one stream', () => {
  const sizes = async (bytes: Uint8Array, trailing?: 'ignored') => {
    const pictures = splitPictures(bytes, 'stdin', trailing);
    return Promise.all(
      pictures.map(async (picture) => (await decodeImage(picture.bytes, picture.source)).width),
    );
  };

  it('come apart, of one kind or mixed', async () => {
    expect(await sizes(Buffer.concat([fixture('rgb.jpg'), fixture('grey.jpg')]))).to.have.length(2);
    const webp = (width: number) => pixels(width, 9).webp().toBuffer();
    expect(await sizes(Buffer.concat([await webp(7), await webp(8)]))).to.deep.equal([7, 8]);
    const png = encodePng({ width: 3, height: 1, data: pattern(3, 1, 3) });
    const jpeg = await pixels(11, 9).jpeg({ progressive: true }).toBuffer();
    expect(await sizes(Buffer.concat([png, jpeg, await webp(5), png]))).to.deep.equal([3, 11, 5, 3]);
  });

  it('other bytes between them are refused in a stream and ignored at the end of a file', async () => {
    const jpeg = await pixels(11, 9).jpeg().toBuffer();
    const junk = Buffer.concat([jpeg, Buffer.from('junk'), jpeg]);
    expect(() => splitPictures(junk, 'stdin')).to.throw(InputError, 'after picture 1 comes something');
    expect(await sizes(junk, 'ignored')).to.deep.equal([11]);
    expect(await sizes(Buffer.concat([jpeg, Buffer.alloc(64)]))).to.deep.equal([11]);
    const cut = Buffer.concat([jpeg, jpeg.subarray(0, jpeg.length - 20)]);
    expect(() => splitPictures(cut, 'stdin')).to.throw(InputError, 'stdin: picture 2: the JPEG is cut short');
  });

  it('the pictures that a JPEG says belong to it are no further ones', async () => {
    const own = await pixels(11, 9).jpeg().toBuffer();
    const depth = await pixels(5, 4).jpeg().toBuffer();
    // A multi-picture segment: a directory with the list of pictures, the second after the whole first one.
    const list = Buffer.alloc(32);
    const segment = Buffer.concat([
      Buffer.from('\xff\xe2\0\0MPF\0MM\0*\0\0\0\x08\0\x01', 'latin1'),
      Buffer.alloc(16),
      list,
    ]);
    segment.writeUInt16BE(segment.length - 2, 2);
    segment.writeUInt16BE(0xb002, 18);
    segment.writeUInt16BE(7, 20);
    segment.writeUInt32BE(32, 22);
    segment.writeUInt32BE(26, 26);
    const first = own.length + segment.length;
    segment.writeUInt32BE(depth.length, segment.length - 12);
    segment.writeUInt32BE(first - 10, segment.length - 8);
    const whole = Buffer.concat([own.subarray(0, 2), segment, own.subarray(2), depth]);
    expect(await sizes(whole)).to.deep.equal([11]);
    expect(await sizes(Buffer.concat([whole, own]))).to.deep.equal([11, 11]);
  });

  it('JSON lines may begin with a byte order mark and white space; half base64 is an error', async () => {
    const png = encodePng({ width: 3, height: 1, data: pattern(3, 1, 3) });
    const text = Buffer.from(png).toString('base64');
    const line = (image: string) => Buffer.from(`\ufeff \r\n${JSON.stringify({ image })}\r\n`);
    expect(await sizes(line(text))).to.deep.equal([3]);
    expect(await sizes(line(text.replace(/(.{20})/g, '$1\n')))).to.deep.equal([3]);
    for (const wrong of [`${text.slice(0, 9)}!${text.slice(9)}`, 'A', 'AAAAA', 'AA=', '=', `${text}====`])
      expect(() => splitPictures(line(wrong), 'stdin'), wrong).to.throw(
        InputError,
        'line 2: its image is not base64',
      );
  });

  it('that announce more pixels together than their bytes are worth are refused', async () => {
    const one = joinPng([
      ['IHDR', pngHeader({ width: 4096, height: 4096 })],
      ['IDAT', new Uint8Array(9)],
    ]);
    expect(() => splitPictures(Buffer.concat([one, one, one]), 'stdin')).to.throw(
      InputError,
      'its 3 pictures have 50331648 pixels',
    );
  });
});
