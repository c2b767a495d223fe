import { extname } from 'node:path';
import { Flags } from '@oclif/core';
import {
  DEFAULT_QUALITY,
  MAX_SCALE,
  PICTURE_ENCODINGS,
  type PictureEncoding,
  SCALE_FILTERS,
  type ScaleFilter,
  type Scaling,
  UsageError,
} from '../index.js';
import { namesFolder } from './baseCommand.js';
import { GROUPS } from './flagGroups.js';
import { STREAM } from './streams.js';

/** The extensions of each format's files; of those that share one, the first that a command writes is meant. */
const EXTENSIONS = {
  png: ['.png'],
  jpeg: ['.jpg', '.jpeg'],
  webp: ['.webp'],
  grid: ['.png', '.jpg', '.jpeg', '.webp'],
  npz: ['.npz'],
  gif: ['.gif'],
  apng: ['.apng', '.png'],
  tokens: ['.jsonl', '.ndjson', '.json'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What can be written. */
export type OutputFormat = keyof typeof EXTENSIONS;

/** How the main output is written. */
export interface OutputChoice<Format extends OutputFormat> {
  readonly format: Format;
  /** What its pictures are encoded as; PNG where the format has a form of its own. */
  readonly encoding: PictureEncoding;
  /** Of JPEG and WebP, from 1 to 100. */
  readonly quality: number;
  /** How much larger its pictures are written than they are drawn; undefined where they are not. */
  readonly scale?: Scaling;
}

/** Formats of something else than pictures. */
const DATA_FORMATS: readonly OutputFormat[] = ['npz', 'tokens'];

/** Whether pictures say how they were made. */
export const metadataFlag = {
  metadata: Flags.boolean({
    helpGroup: GROUPS.output,
    description: 'write into pictures how they were made: class, seed, settings, model, version',
    default: true,
    allowNo: true,
  }),
};

/** Flags of commands that write pictures. */
export function outputFlags(formats: readonly OutputFormat[], formatHint = '') {
  return {
    format: Flags.string({
      helpGroup: GROUPS.output,
      description: `what to write (default: what the extension of -o says, else png)${formatHint}`,
      options: [...formats],
    }),
    quality: Flags.integer({
      helpGroup: GROUPS.output,
      description: `quality of JPEG and WebP, from 1 to 100 (default: ${DEFAULT_QUALITY}); only PNG loses nothing`,
      min: 1,
      max: 100,
    }),
    scale: Flags.integer({
      helpGroup: GROUPS.output,
      description: 'write pictures N times as wide and high as they are drawn',
      helpValue: 'N',
      min: 1,
      max: MAX_SCALE,
    }),
    'scale-filter': Flags.string({
      helpGroup: GROUPS.output,
      description: 'with --scale: repeat each pixel, or make new ones smoothly',
      options: [...SCALE_FILTERS],
      defaultHelp: async () => SCALE_FILTERS[0],
    }),
    ...metadataFlag,
  };
}

function hasExtension(format: OutputFormat, extension: string): boolean {
  return (EXTENSIONS[format] as readonly string[]).includes(extension);
}

/** The extension of a file that is to be written; none for folders and stdout. */
function outputExtension(output: string | undefined): string {
  if (output === undefined || output === STREAM || namesFolder(output)) return '';
  return extname(output).toLowerCase();
}

/**
 * What `-o` and `--format` say together: the extension chooses the format.
 * @param formats those that the command writes
 * @throws UsageError when they contradict each other, or when no format has the extension.
 */
export function chooseOutput<Format extends OutputFormat>(
  flags: {
    readonly output: string | undefined;
    readonly format: string | undefined;
    readonly quality: number | undefined;
    readonly scale?: number | undefined;
    readonly 'scale-filter'?: string | undefined;
  },
  formats: readonly Format[],
): OutputChoice<Format | 'png'> {
  const extension = outputExtension(flags.output);
  const asked = formats.find((format) => format === flags.format);
  const named = formats.find((format) => hasExtension(format, extension));
  if (extension !== '' && asked && !hasExtension(asked, extension))
    throw new UsageError(
      `-o ${flags.output} contradicts --format ${asked}, whose files end in ${EXTENSIONS[asked].join(' or ')}; change one of them`,
    );
  if (extension !== '' && !named) {
    const known = [...new Set(formats.flatMap((format) => EXTENSIONS[format]))];
    throw new UsageError(
      `-o ${flags.output}: nothing here is written as ${extension}; the file may end in ${known.join(', ')}`,
    );
  }
  const format = asked ?? named ?? 'png';
  const encoding =
    PICTURE_ENCODINGS.find((encoding) => encoding === format) ??
    ((format === 'grid' && PICTURE_ENCODINGS.find((encoding) => hasExtension(encoding, extension))) || 'png');
  if (flags.quality !== undefined && encoding === 'png')
    throw new UsageError('--quality is for JPEG and WebP: name the file x.jpg or x.webp, or say --format');
  const scale = scalingOf(flags, format);
  return { format, encoding, quality: flags.quality ?? DEFAULT_QUALITY, ...(scale && { scale }) };
}

/** @throws UsageError where nothing is there to be scaled. */
function scalingOf(
  flags: { readonly scale?: number | undefined; readonly 'scale-filter'?: string | undefined },
  format: OutputFormat,
): Scaling | undefined {
  if (flags.scale === undefined) {
    if (flags['scale-filter'] === undefined) return undefined;
    throw new UsageError('--scale-filter is for --scale N: say how many times larger');
  }
  if (DATA_FORMATS.includes(format))
    throw new UsageError(`--scale is for pictures, and ${format} are data: leave it out`);
  return { factor: flags.scale, filter: (flags['scale-filter'] ?? SCALE_FILTERS[0]) as ScaleFilter };
}

/** The extension of the files of an encoding. */
export function extensionOf(encoding: PictureEncoding): string {
  return EXTENSIONS[encoding][0];
}
