import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { SYSTEMS } from '../src/systems/registry.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

/** A page without its blocks of code, in which nothing is a link or a heading. */
function prose(page: string): string {
  return readFileSync(join(root, page), 'utf8').replace(/^ *```.*?^ *```$/gms, '');
}

function headingsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => heading!.trim());
}

/** The anchor that a heading gets on GitHub: letters, digits and hyphens in lower case. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-');
}

/** The anchors of a page: its own, and those of headings, of which later ones of the same text are numbered. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set([...prose(page).matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!));
  const seen = new Map<string, number>();
  for (const anchor of headingsOf(page).map(anchorOf)) {
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    anchors.add(times === 0 ? anchor : `${anchor}-${times}`);
  }
  return anchors;
}

/** Where the links of a page lead that stay within the project. */
function linksOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) =>
    /^[a-z]+:/.test(target!) ? [] : [target!],
  );
}

/** What is wrong with a link; undefined where it leads somewhere. */
function faultOf(page: string, link: string): string | undefined {
  const [path, anchor] = link.split('#') as [string, string?];
  const target = path === '' ? page : relative(root, resolve(root, dirname(page), path));
  if (!existsSync(join(root, target))) return `${page}: ${link}: there is no ${target}`;
  if (anchor === undefined) return undefined;
  return anchorsOf(target).has(anchor)
    ? undefined
    : `${page}: ${link}: ${target} has no heading of that name`;
}

describe('documentation', () => {
  for (const page of pages)
    it(`${page}: every link within the project leads somewhere`, () => {
      const faults = linksOf(page).flatMap((link) => faultOf(page, link) ?? []);
      expect(faults).to.deep.equal([]);
    });

  it("README's table of systems says what each can", () => {
    const rows = prose('README.md')
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const said = (isAble: boolean) => (isAble ? 'yes' : 'no');
    for (const { name, title, can, choices } of SYSTEMS) {
      const row = rows.find((cells) => cells[1] === title && cells[2] === `\`${name}\``);
      const able = [can.known, can.grids, can.order].map(said);
      expect(row?.slice(4, 8), title).to.deep.equal([choices.steps ? 'free' : 'fixed', ...able]);
    }
  });

  it('finds links, and knows which lead nowhere', () => {
    expect(linksOf('README.md')).to.include('docs/ARCHITECTURE.md');
    expect(linksOf('docs/SYSTEMS.md').length).to.be.greaterThan(30);
    expect(faultOf('docs/SYSTEMS.md', '#vq-16')).to.equal(undefined);
    expect(faultOf('docs/SYSTEMS.md', '#vq-17')).to.match(/no heading/);
    expect(faultOf('docs/SYSTEMS.md', 'NONE.md')).to.match(/no docs\/NONE\.md/);
  });

  it('no page has two headings of one anchor', () => {
    for (const page of pages.filter((name) => name !== 'CHANGELOG.md' && !name.startsWith('docs/api/'))) {
      const anchors = headingsOf(page).map(anchorOf);
      expect(anchors, page).to.deep.equal([...new Set(anchors)]);
    }
  });

  it('comments cite sections of docs/SYSTEMS.md that are there', () => {
    const sections = new Set(headingsOf('docs/SYSTEMS.md'));
    const citations = ['src', 'graphs', 'kernels', 'commands'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) =>
          [
            ...readFileSync(join(root, folder, name), 'utf8').matchAll(/docs\/SYSTEMS\.md, ([^).;:\n]+)/g),
          ].map(([, section]) => ({ file: `${folder}/${name}`, section: section!.trim() })),
        ),
    );
    expect(citations.length).to.be.greaterThan(10);
    expect(citations.filter(({ section }) => !sections.has(section))).to.deep.equal([]);
  });
});
