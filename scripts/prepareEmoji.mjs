// Sorts the pictures of the npm package emoji-datasource-google into class folders for `arpg train`, one class an emoji
// in the groups of its category and subcategory: `node scripts/prepareEmoji.mjs OUT PACKAGE…`, where the packages are
// folders of different versions of it, the newest first. The drawings changed over the years; each that differs goes
// in. Skin tones other than the default are left out: they differ in colour alone and would make half of all pictures.
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const [out, ...packages] = process.argv.slice(2);
if (packages.length === 0) {
  process.stderr.write('usage: node scripts/prepareEmoji.mjs OUT PACKAGE…\n');
  process.exit(2);
}

/** Drawings closer than this, in squared difference of their 32×32 pixels, are the same: 25 dB. */
const SAME_DRAWING = 255 ** 2 / 10 ** 2.5;

/** The data set's categories, whose subcategories are groups too; components (hair, skin) are no pictures. */
const categoryNames = {
  'Smileys & Emotion': 'smileys',
  'People & Body': 'people',
  'Animals & Nature': 'animals',
  'Food & Drink': 'food',
  'Travel & Places': 'travel',
  Activities: 'activities',
  Objects: 'objects',
  Symbols: 'symbols',
  Flags: 'flags',
};

function className({ category, subcategory, short_name: name }) {
  const group = subcategory.replace(/^(animal|food|person|place)-/, '').replace(' & ', '-and-');
  return `${categoryNames[category]}/${group}/${name}`;
}

function pixels(file) {
  return sharp(file).flatten({ background: 'white' }).resize(32, 32).removeAlpha().raw().toBuffer();
}

function squaredDifference(a, b) {
  return a.reduce((sum, value, index) => sum + (value - b[index]) ** 2, 0) / a.length;
}

const versions = packages.map((folder) => {
  const read = (file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  // The selector of the emoji form came and went between versions.
  const codeOf = ({ unified }) => unified.replaceAll('-FE0F', '');
  const drawn = read('emoji.json').filter((emoji) => emoji.has_img_google);
  return {
    folder,
    name: read('package.json').version,
    emoji: new Map(drawn.map((one) => [codeOf(one), one])),
  };
});

let [classes, count] = [0, 0];
for (const [code, newest] of versions[0].emoji) {
  if (categoryNames[newest.category] === undefined) continue;
  const folder = join(out, className(newest));
  mkdirSync(folder, { recursive: true });
  const taken = [];
  for (const version of versions) {
    const emoji = version.emoji.get(code);
    const file = emoji && join(version.folder, 'img', 'google', '64', emoji.image);
    if (!file || !existsSync(file)) continue;
    const drawing = await pixels(file);
    if (taken.some((other) => squaredDifference(drawing, other) < SAME_DRAWING)) continue;
    taken.push(drawing);
    copyFileSync(file, join(folder, `${version.name}.png`));
    count++;
  }
  classes++;
}
process.stderr.write(`${count} pictures in ${classes} classes\n`);
