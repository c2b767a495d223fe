// Sorts the pictures of the npm package emoji-datasource-google into class folders for `arpg train`:
// `npm install --no-save emoji-datasource-google && node scripts/prepareEmoji.mjs OUT`. Skin tones other than the
// default are left out: they differ in colour alone and would make half of all pictures.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const [out = 'emoji', packageFolder] = process.argv.slice(2);
const source =
  packageFolder ?? dirname(createRequire(import.meta.url).resolve('emoji-datasource-google/package.json'));

/** The data set's categories, in which its subcategories are classes; components (hair, skin) are no pictures. */
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

let count = 0;
const classes = new Set();
for (const emoji of JSON.parse(readFileSync(join(source, 'emoji.json'), 'utf8'))) {
  const category = categoryNames[emoji.category];
  if (category === undefined || !emoji.has_img_google) continue;
  const className = `${category}/${emoji.subcategory.replace(/^(animal|food|person|place)-/, '').replace(' & ', '-and-')}`;
  mkdirSync(join(out, className), { recursive: true });
  copyFileSync(join(source, 'img', 'google', '64', emoji.image), join(out, className, emoji.image));
  classes.add(className);
  count++;
}
process.stderr.write(`${count} pictures in ${classes.size} classes\n`);
