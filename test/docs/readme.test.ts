import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { describePage } from '../support/docs/describePage.js';
import { examplesOf, ROOT } from '../support/docs/examples.js';

describePage('README.md');

describe('the README', () => {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');

  it('is short', () => {
    expect(text.trimEnd().split('\n').length).to.be.at.most(200);
  });

  it('has the picture first that its first command draws', () => {
    const [, options, file] = /npx arpg sample (.*) -o (\S+)/.exec(text)!;
    expect(/!\[[^\]]*\]\(([^)]+)\)/.exec(text)![1]).to.equal(`docs/pictures/${file}`);
    const sameCommand = `\narpg sample ${options} -o ${file}\n`;
    expect(
      examplesOf('README.md').some(
        ({ code, notRun }) => notRun === undefined && `\n${code}`.includes(sameCommand),
      ),
      'the picture is compared by an example that runs',
    ).to.equal(true);
  });

  it('shows pictures that are shipped', () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
    const shown = [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)|<img src="([^"]+)"/g)].map(
      ([, own, tag]) => own ?? tag!,
    );
    expect(shown.length).to.be.greaterThan(8);
    const isShipped = (path: string) => files.some((file) => path === file || path.startsWith(`${file}/`));
    expect(shown.filter((path) => !isShipped(path))).to.deep.equal([]);
  });
});
