/**
 * Pictures: their pixels, and what reads, cuts and writes them.
 * @module
 */
export * from './announcedSize.js';
export * from './crops.js';
export * from './decodeImage.js';
export * from './encodeImage.js';
export * from './pixels.js';
