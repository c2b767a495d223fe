// Writes the other names of the emoji model's classes, `aliases.json`: short names, names and keywords of the npm
// packages emoji-datasource-google and emojibase-data: `node scripts/prepareEmojiAliases.mjs LABELS DATASOURCE EMOJIBASE`
// prints it. What is the name of one class is no keyword of another.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { countryAdjectives } from './countryAdjectives.mjs';

const [labelsFile, datasource, emojibase] = process.argv.slice(2);
if (emojibase === undefined) {
  process.stderr.write('usage: node scripts/prepareEmojiAliases.mjs LABELS DATASOURCE EMOJIBASE\n');
  process.exit(2);
}
const read = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

/** As names are typed: in lower case and with spaces, without the marks that nobody types. */
const plain = (name) =>
  name
    .toLowerCase()
    .replaceAll('’', "'")
    .replaceAll(/[“”":,.()]/g, '')
    .replaceAll(/[\s_-]+/g, ' ')
    .trim();

const codeOf = (hexcode) => hexcode.replaceAll('-FE0F', '').replaceAll('FE0F', '');
const byCode = new Map(read(emojibase, 'en', 'data.json').map((emoji) => [codeOf(emoji.hexcode), emoji]));
const shortcodes = ['cldr', 'github', 'joypixels'].map((set) =>
  read(emojibase, 'en', 'shortcodes', `${set}.json`),
);
const labels = read(labelsFile);
const lastPart = (label) => label.split('/').at(-1);
const labelOf = new Map(labels.map((label) => [lastPart(label), label]));

/** A flag is asked for in several ways: `germany`, `flag germany`, `germany flag`, `flag of germany`. */
function flagNames(name) {
  const [, country] = /^flag (.+)$/.exec(name) ?? [];
  return country === undefined ? [name] : [name, country, `${country} flag`, `flag of ${country}`];
}

/** A country's flag is asked for by its adjective, too: `japanese flag`. */
function adjectiveNames(label) {
  const [, code] = /^flags\/country-flag\/(?:flag-)?(..)$/.exec(label) ?? [];
  return (countryAdjectives[code] ?? []).map((adjective) => `${adjective} flag`);
}

const named = read(datasource, 'emoji.json').flatMap((emoji) => {
  const label = labelOf.get(emoji.short_name);
  if (label === undefined) return [];
  const { label: name, tags = [], hexcode } = byCode.get(codeOf(emoji.unified)) ?? {};
  const codes = shortcodes.flatMap((set) => set[hexcode] ?? []);
  const said = [...emoji.short_names, ...codes, ...(name === undefined ? [] : [name])].map(plain);
  const names = new Set([...said.flatMap(flagNames), ...adjectiveNames(label)]);
  return [{ label, names, keywords: tags.map(plain) }];
});

/** Words of several emoji that people mean one by. */
const meant = { cup: 'coffee', clock: 'clock3' };
for (const { label, names } of named)
  for (const [word, name] of Object.entries(meant)) if (lastPart(label) === name) names.add(word);

const groups = new Set(labels.flatMap((label) => label.split('/').slice(0, -1).map(plain)));
const ownNames = new Set(labels.map((label) => plain(lastPart(label))));
const taken = new Set([...ownNames, ...groups, ...named.flatMap(({ names }) => [...names])]);

const lines = named.flatMap(({ label, names, keywords }) => {
  const others = [...names].filter((name) => name !== '' && !ownNames.has(name) && !groups.has(name));
  const words = keywords.filter((word) => word !== '' && !taken.has(word));
  const all = [...new Set([...others, ...words])];
  return all.length === 0 ? [] : [`  ${JSON.stringify(label)}: ${JSON.stringify(all)}`];
});
process.stdout.write(`{\n${lines.sort().join(',\n')}\n}\n`);
