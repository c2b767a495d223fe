import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { InputError } from '../../src/errors.js';
import { encodeVectors, readVectors } from '../../src/data/vectorArchive.js';
import { temporaryFolder } from '../support/temporary.js';

describe('archives of vectors', () => {
  const temporary = temporaryFolder();
  const line = (image: number) => ({
    vectors: [0, 1, 2, 3, 4, 5].map((place) => Math.fround(Math.sin(image + place))),
    deviations: [1, 1, 1, 2, 2, 2],
    channels: 3,
    grid: [1, 2],
    class_id: image % 2,
  });

  it('are read as the lines that they were written of', async () => {
    mkdirSync(temporary('.'), { recursive: true });
    const lines = [0, 1, 2].map(line);
    writeFileSync(temporary('vectors.npz'), await encodeVectors(lines));
    const read = await readVectors(temporary('vectors.npz'));
    expect(read.map(({ place: _, ...own }) => own)).to.deep.equal(lines);
    expect(read[2]!.place).to.match(/vectors\.npz: picture 2$/);
  });

  it('of pictures of different sizes are refused, and files without vectors too', async () => {
    const wide = { ...line(1), vectors: [1, 2, 3], deviations: [1, 1, 1], grid: [1, 1] };
    const failure = await encodeVectors([line(0), wide]).catch((error: Error) => error);
    expect(failure).to.be.instanceOf(InputError);
    writeFileSync(temporary('other.npz'), await encodeVectors([line(0)]).then((bytes) => bytes.slice(0, 60)));
    const damaged = await readVectors(temporary('other.npz')).catch((error: Error) => error);
    expect(damaged).to.be.instanceOf(InputError);
  });
});
