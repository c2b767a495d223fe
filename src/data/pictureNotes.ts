import { InputError } from '../errors.js';
import { type PictureKind, pictureKind } from './pictureKind.js';
import { MAX_TEXT_BYTES, pngText, type PngText } from './pngText.js';
import { sharp } from './sharp.js';

/** What a picture's file says besides its pixels. */
export interface PictureNotes {
  /** What made it, such as `arpg 0.1.0`. */
  readonly software: string;
  /** For people, on one line. */
  readonly description: string;
  /** How it was made, as JSON. */
  readonly record: string;
}

/** The keyword of the record in a PNG. */
const RECORD_KEYWORD = 'arpg';
const NAMESPACE = 'urn:arpg:record:1';
/** What a JPEG holds in one piece, less what stands around the record. */
const MAX_PACKET = 60_000;

/** A PNG's texts, under the keywords that the format names, and the record. */
export function pngTextsOf({ software, description, record }: PictureNotes): readonly PngText[] {
  return [
    { keyword: 'Software', text: software },
    { keyword: 'Description', text: description },
    { keyword: RECORD_KEYWORD, text: record },
  ];
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const CHARACTERS = new Map(Object.entries(ENTITIES).map(([character, entity]) => [entity, character]));

const escapeXml = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
const unescapeXml = (text: string) =>
  text.replace(/&(?:amp|lt|gt|quot);/g, (entity) => CHARACTERS.get(entity)!);

/**
 * The notes as XMP, which JPEG and WebP carry; undefined where they are too long for that.
 */
export function xmpOf({ software, description, record }: PictureNotes): string | undefined {
  const packet = `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:arpg="${NAMESPACE}">
<xmp:CreatorTool>${escapeXml(software)}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">${escapeXml(description)}</rdf:li></rdf:Alt></dc:description>
<arpg:record>${escapeXml(record)}</arpg:record>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>`;
  return Buffer.byteLength(packet) <= MAX_PACKET ? packet : undefined;
}

async function xmpText(bytes: Uint8Array, source: string): Promise<string | undefined> {
  try {
    const { xmp } = await sharp(bytes).metadata();
    return xmp === undefined || xmp.length > MAX_PACKET ? undefined : xmp.toString('utf8');
  } catch (error) {
    throw new InputError(`${source}: the picture is damaged; copy or export it again`, error);
  }
}

/**
 * The record in a picture's file, which may come from anywhere: text of at most a megabyte, unchecked.
 * @param source its name, for messages
 * @returns undefined where there is none
 * @throws InputError when it is no picture.
 */
export async function readRecordText(bytes: Uint8Array, source: string): Promise<string | undefined> {
  const kind = pictureKind(bytes);
  if (kind === undefined) throw new InputError(`${source}: it is no PNG, JPEG or WebP picture`);
  if (kind === 'png') return pngText(bytes, RECORD_KEYWORD);
  const packet = await xmpText(bytes, source);
  const record = /<arpg:record>([^<]*)<\/arpg:record>/.exec(packet ?? '')?.[1];
  return record === undefined ? undefined : unescapeXml(record);
}

/** Whether a file of a format can hold notes so long. */
export function notesFit(notes: PictureNotes, encoding: PictureKind): boolean {
  if (encoding !== 'png') return xmpOf(notes) !== undefined;
  return Buffer.byteLength(notes.record) + RECORD_KEYWORD.length < MAX_TEXT_BYTES;
}
