/**
 * Pictures: their pixels, and what reads, cuts and writes them.
 * @module
 */
export * from './announcedSize.js';
export * from './crops.js';
export * from './decodeImage.js';
export * from './encodeImage.js';
export { notesFit, type PictureNotes, readRecordText } from './pictureNotes.js';
export * from './pixels.js';
export * from './scaleImage.js';
