import sharp from 'sharp';

/** Pixels that differ everywhere, `[height, width, channels]`. */
export function pattern(width: number, height: number, channels: number): Uint8Array {
  return Uint8Array.from(
    { length: width * height * channels },
    (_, index) => (index * 37 + (index >> 4) * 11) % 256,
  );
}

/** PNG bytes of the kinds that people have. */
export async function samplePngs(width: number, height: number): Promise<ReadonlyMap<string, Buffer>> {
  const rgb = () => sharp(pattern(width, height, 3), { raw: { width, height, channels: 3 } });
  const rgba = () => sharp(pattern(width, height, 4), { raw: { width, height, channels: 4 } });
  return new Map([
    ['RGB', await rgb().png().toBuffer()],
    ['grey', await rgb().toColourspace('b-w').png().toBuffer()],
    ['palette', await rgb().png({ palette: true, colours: 16 }).toBuffer()],
    ['16-bit', await rgb().toColourspace('rgb16').png().toBuffer()],
    ['interlaced', await rgb().png({ progressive: true }).toBuffer()],
    ['alpha', await rgba().png().toBuffer()],
  ]);
}
