// The licences of packages whose code goes into a bundle, as one text.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;

/** The folder of the package that a file of node_modules belongs to; undefined for other files. */
export function packageFolderOf(file) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file.replaceAll('\\', '/'))?.[1];
}

/** The folders of the packages that esbuild took something from, sorted. */
export function packageFoldersOf(inputs) {
  return [...new Set(inputs.map(packageFolderOf).filter((folder) => folder !== undefined))].sort();
}

function sectionOf(folder) {
  const { name, version, license, author, homepage } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
  const by = typeof author === 'string' ? author : author?.name;
  // Those without a file state their licence in package.json, and some say more in their README.
  const stated = [by && `Copyright: ${by}`, homepage].filter(Boolean);
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const readme = files.length === 0 && readdirSync(folder).find((file) => /^readme/i.test(file));
  const said = readme && /^## Licen[cs].*/ims.exec(readFileSync(join(folder, readme), 'utf8'))?.[0].trim();
  return [
    `${name} ${version}: ${license}`,
    ...(texts.length > 0 ? texts : stated),
    ...(said ? [said] : []),
  ].join('\n\n');
}

/** @param folders of packages */
export function licenceTexts(folders) {
  return `${folders.map(sectionOf).join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
