import { expect } from 'chai';
import { exchangesOf, matchesOutput, parseExamples } from '../support/docs/examples.js';
import { openWorkplace } from '../support/docs/workplace.js';

const page = `# Page

<!-- not run: it needs the network -->

\`\`\`sh
arpg pull owner/name
\`\`\`

Text.

<!-- slow -->
<!-- exit code: 3 -->

\`\`\`console
$ arpg tokenize none
arpg: none: …
\`\`\`

\`\`\`json
{}
\`\`\`

<!-- file: a/b.mjs -->

\`\`\`js
process.exit(7);
\`\`\`
`;

describe('examples of pages', () => {
  it('are found with what is said about them', () => {
    const [first, second, third, ...rest] = parseExamples('page.md', page);
    expect(rest).to.deep.equal([]);
    expect(first).to.include({ line: 6, language: 'sh', notRun: 'it needs the network', isSlow: false });
    expect(second).to.include({ line: 15, language: 'console', isSlow: true, exitCode: 3, varies: false });
    expect(second!.notRun).to.equal(undefined);
    expect(third).to.include({ line: 26, file: 'a/b.mjs', code: 'process.exit(7);\n' });
  });

  it('are commands with their output', () => {
    expect(exchangesOf('$ a \\\n  b\n1\n2\n$ c\n')).to.deep.equal([
      { command: 'a \\\n  b', output: '1\n2\n' },
      { command: 'c', output: '' },
    ]);
    expect(matchesOutput('a … c.\n', 'a b\nb c.\n')).to.equal(true);
    expect(matchesOutput('a … c.\n', 'a b cd\n')).to.equal(false);
    expect(matchesOutput('a\n', 'a\nb\n')).to.equal(false);
  });

  it('fail where a command fails, prints something else, or ends otherwise', () => {
    const workplace = openWorkplace();
    try {
      const run = (block: string) => workplace.run(parseExamples('page.md', block)[0]!);
      expect(run('```sh\ntrue\n```\n')).to.equal(undefined);
      expect(run('```sh\nfalse | true\n```\n')).to.match(/ended with 1 instead of 0/);
      expect(run('```sh\nfalse\ntrue\n```\n')).to.match(/ended with 1/);
      expect(run('```console\n$ echo a >&2\na\n```\n')).to.equal(undefined);
      expect(run('```console\n$ echo a\nb\n```\n')).to.match(/instead of\nb/);
      expect(run('<!-- output varies -->\n\n```console\n$ echo a\nb\n```\n')).to.equal(undefined);
      expect(run('<!-- exit code: 3 -->\n\n```console\n$ exit 3\n```\n')).to.equal(undefined);
      expect(run('<!-- exit code: 3 -->\n\n```console\n$ exit 0\n```\n')).to.match(/0 instead of 3/);
      expect(run('<!-- file: x.mjs -->\n\n```js\nprocess.exit(4);\n```\n')).to.equal(undefined);
      expect(run('```sh\nnode x.mjs\n```\n')).to.match(/ended with 4/);
      expect(run('```ts\nimport { UsageError } from "arpg";\nthrow new UsageError("no");\n```\n')).to.match(
        /no/,
      );
      expect(run('```sh\narpg --version\nnpx arpg --version\n```\n')).to.equal(undefined);
    } finally {
      workplace.remove();
    }
  });
});
