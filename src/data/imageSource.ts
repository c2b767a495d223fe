import { readdirSync } from 'node:fs';
import { InputError, systemReason } from '../errors.js';
import { idxImageNames, picturesOfIdx } from './idx.js';
import type { RgbImage } from './image.js';
import { picturesOfArchive } from './imageArchive.js';
import { isDataName, picturesOfScan, scanFolder } from './imageFolder.js';
import { readNpz } from './npz.js';
import { type PictureList, UNLABELLED } from './pictureList.js';

/** Labelled images to train on. Where nothing has a label, all are of one class. */
export interface ImageSource extends PictureList {
  /** One image as it is; the next one that can be read stands in for one that cannot. */
  image(index: number): Promise<RgbImage>;
  /** Files that could not be read so far, each with the reason. */
  readonly failures: ReadonlyMap<string, string>;
}

function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path).filter(isDataName).sort();
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    const reason = isFile ? 'it is no folder, and no .npz archive' : systemReason(error);
    throw new InputError(`${path}: cannot be read as a data set: ${reason}`, error);
  }
}

async function listPictures(path: string, withLoose: boolean): Promise<PictureList> {
  if (/\.npz$/i.test(path)) return picturesOfArchive(path, await readNpz(path));
  const names = listFolder(path);
  if (idxImageNames(names).length > 0) return picturesOfIdx(path, names);
  const scan = scanFolder(path);
  const pictures = picturesOfScan(scan, withLoose);
  const { length } = scan.loose;
  const leftOut = scan.notes.map((note) => `; ${note.slice(note.indexOf('left out'))}`).join('');
  if (withLoose && pictures.count === 0)
    throw new InputError(`${path}: the folder holds no PNG, JPEG or WebP files${leftOut}`);
  if (pictures.count === 0)
    throw new InputError(
      `${path}: no images: expected class folders with PNG, JPEG or WebP files, or IDX files${length > 0 ? `; ${length} pictures lie in no class folder` : ''}${leftOut}`,
    );
  const isMixed = length > 0 && scan.classes.length > 0;
  const consequence = withLoose ? 'they get no class' : 'they are left out';
  return isMixed
    ? {
        ...pictures,
        notes: [...scan.notes, `${path}: ${length} pictures lie in no class folder: ${consequence}`],
      }
    : pictures;
}

/**
 * Opens whatever holds pictures for their tokens: what `openImageSource` opens, and a folder of pictures without
 * classes.
 * @throws InputError naming the folder or file at fault.
 */
export async function openPictures(path: string): Promise<PictureList> {
  return listPictures(path, true);
}

/**
 * Opens a folder of class folders with PNG, JPEG or WebP files (a class folder within another is the class
 * `outer/inner`), one with IDX files (the MNIST format), or a `.npz` archive. Which of several files or arrays are used,
 * and what is left out, is in the notes.
 * @throws InputError naming the folder or file at fault.
 */
export async function openImageSource(path: string): Promise<ImageSource> {
  const pictures = await listPictures(path, false);
  const failures = new Map<string, string>();
  return {
    ...pictures,
    classOf: (index) => (pictures.classOf(index) === UNLABELLED ? 0 : pictures.classOf(index)),
    failures,
    async image(index) {
      for (let tried = 0; tried < pictures.count; tried++) {
        const candidate = (index + tried) % pictures.count;
        const place = pictures.placeOf(candidate);
        if (failures.has(place)) continue;
        try {
          return await pictures.read(candidate);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          failures.set(place, error.message);
        }
      }
      throw new InputError(`${path}: none of its images can be read`);
    },
  };
}
