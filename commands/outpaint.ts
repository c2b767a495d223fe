import { Flags } from '@oclif/core';
import {
  flattenOnWhite,
  InputError,
  MAX_PIXELS,
  outpaintCanvas,
  type RgbaImage,
  type Sides,
  UsageError,
} from '../src/index.js';
import { EditCommand, editArgs, editFlags, WINDOWS_NOTE } from '../src/cli/editCommand.js';
import { parsePixelSize } from '../src/cli/numbers.js';

/** Where the picture lies in the larger one: which share of the new pixels comes before it. */
const ANCHORS = {
  center: [0.5, 0.5],
  left: [0, 0.5],
  right: [1, 0.5],
  top: [0.5, 0],
  bottom: [0.5, 1],
  'top-left': [0, 0],
  'top-right': [1, 0],
  'bottom-left': [0, 1],
  'bottom-right': [1, 1],
} as const;
type Anchor = keyof typeof ANCHORS;

const side = (name: string) =>
  Flags.integer({ description: `pixels to add ${name}`, min: 0, exclusive: ['size'] });

export default class Outpaint extends EditCommand {
  static override summary = 'Extend a picture beyond its borders.';
  static override description = `${WINDOWS_NOTE}
More than one window of growth is drawn in overlapping windows, from the picture outwards.`;
  static override examples = [
    '<%= config.bin %> outpaint photo.png --left 64 --right 64 --class 207 -o wide.png',
    '<%= config.bin %> outpaint photo.png --size 512x256 --anchor left -o wide.png',
  ];
  static override args = editArgs;
  static override flags = {
    ...editFlags,
    left: side('on the left'),
    right: side('on the right'),
    top: side('above'),
    bottom: side('below'),
    size: Flags.string({ description: 'pixels of the result, such as 512x256', helpValue: 'WxH' }),
    anchor: Flags.string({
      description: 'where the picture lies in a result of --size',
      options: Object.keys(ANCHORS),
      default: 'center',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Outpaint);
    const given = [flags.left, flags.right, flags.top, flags.bottom].map((pixels) => pixels ?? 0);
    const [left, right, top, bottom] = given as [number, number, number, number];
    if (flags.size === undefined && left + right + top + bottom === 0)
      throw new UsageError('name what to add: --left, --right, --top, --bottom, or --size WxH');
    const choice = this.chooseEditOutput(flags);
    const pictures = await this.readPictures(args.image);
    this.checkEditOutput(flags, pictures.length);
    const larger = pictures.map(({ picture, source }) => ({
      picture,
      sides:
        flags.size === undefined
          ? { left, right, top, bottom }
          : sidesFor(picture, flags.size, flags.anchor as Anchor, source),
    }));
    const pixels = larger.reduce((sum, { picture, sides }) => sum + areaWith(picture, sides), 0);
    if (pixels > MAX_PIXELS)
      throw new UsageError(`results of ${pixels} pixels are more than the ${MAX_PIXELS} allowed`);
    const edits = larger.map(({ picture, sides }) => {
      const { image, mask } = outpaintCanvas(flattenOnWhite(picture), sides);
      return { image, maskOf: () => mask };
    });
    await this.redrawAll(flags, edits, choice);
  }
}

/** Pixels of a picture with more on its sides. */
function areaWith({ width, height }: RgbaImage, { left, right, top, bottom }: Sides): number {
  return (width + left + right) * (height + top + bottom);
}

/** How much to add on each side for a size. */
function sidesFor({ width, height }: RgbaImage, size: string, anchor: Anchor, source: string): Sides {
  const { width: wide, height: high } = parsePixelSize(size, '--size');
  const [across, down] = [wide - width, high - height];
  if (across < 0 || down < 0)
    throw new InputError(
      `${source}: its ${width}×${height} pixels are more than the ${wide}×${high} of --size`,
    );
  const [leftShare, topShare] = ANCHORS[anchor];
  const [left, top] = [Math.round(across * leftShare), Math.round(down * topShare)];
  return { left, top, right: across - left, bottom: down - top };
}
