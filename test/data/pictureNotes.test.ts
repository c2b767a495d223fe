import { expect } from 'chai';
import sharp from 'sharp';
import {
  decodeImage,
  encodePicture,
  notesFit,
  PICTURE_ENCODINGS,
  readRecordText,
} from '../../src/data/image.js';
import { pngText } from '../../src/data/pngText.js';
import { InputError } from '../../src/errors.js';
import { pattern } from '../support/pngs.js';

const image = { width: 6, height: 5, data: pattern(6, 5, 3) };
const notes = {
  software: 'arpg 1.2.3',
  description: 'a <b> & "c", seed 7',
  record: '{"name":"<x>&amp;\\"","n":1}',
};

describe('notes in the files of pictures', () => {
  it('come back from each format, whose pixels stay', async () => {
    for (const encoding of PICTURE_ENCODINGS) {
      const [noted, again, plain] = await Promise.all([
        encodePicture(image, 3, encoding, 90, notes),
        encodePicture(image, 3, encoding, 90, notes),
        encodePicture(image, 3, encoding, 90),
      ]);
      expect(await readRecordText(noted, 'x'), encoding).to.equal(notes.record);
      expect(Buffer.from(again).equals(Buffer.from(noted)), encoding).to.equal(true);
      expect(await readRecordText(plain, 'x'), encoding).to.equal(undefined);
      expect((await decodeImage(noted, 'x')).data).to.deep.equal((await decodeImage(plain, 'x')).data);
    }
  });

  it('have the names that other programs know', async () => {
    const png = await encodePicture(image, 3, 'png', 90, notes);
    expect(pngText(png, 'Software')).to.equal('arpg 1.2.3');
    expect(pngText(png, 'Description')).to.equal(notes.description);
    const { xmp } = await sharp(await encodePicture(image, 3, 'jpeg', 90, notes)).metadata();
    expect(xmp!.toString()).to.include('<xmp:CreatorTool>arpg 1.2.3</xmp:CreatorTool>');
    expect(xmp!.toString()).to.include('a &lt;b&gt; &amp; &quot;c&quot;, seed 7');
  });

  it('fit, or are left out where a JPEG cannot hold them', async () => {
    const long = { ...notes, record: JSON.stringify('x'.repeat(60_000)) };
    expect(PICTURE_ENCODINGS.map((encoding) => notesFit(long, encoding))).to.deep.equal([true, false, false]);
    expect(notesFit({ ...notes, record: 'x'.repeat(2 ** 20) }, 'png')).to.equal(false);
    expect(await readRecordText(await encodePicture(image, 3, 'jpeg', 90, long), 'x')).to.equal(undefined);
  });

  it('are not looked for in other files', async () => {
    for (const bytes of [Buffer.from('text'), Buffer.alloc(0), Buffer.from([0xff, 0xd8, 0xff, 0xe1])]) {
      const failure = await readRecordText(bytes, 'odd').then(
        () => undefined,
        (error: Error) => error,
      );
      expect(failure).to.be.instanceOf(InputError);
      expect(failure!.message).to.match(/^odd: /);
    }
  });
});
