import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { encodePng, encodePngWithAlpha } from '../../src/index.js';
import type { RunningServer } from '../../src/serve/server.js';
import { serveDigits, stripesOf } from '../support/server.js';
import { temporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const guide = readFileSync(`${root}docs/SERVE.md`, 'utf8');
const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** The guide's examples in a language, for a server at an address. */
const examples = (language: string, { url }: RunningServer): readonly string[] =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) =>
    text!.replaceAll('http://localhost:7860', url),
  );

/** What each answer of the examples holds. */
const ANSWERS = [/"data":\[\{"url":".*"\},\{"url"/, /"b64_json"/, /event: done/, /event: done/, /"name":"7"/];

describe('the guide of arpg serve', () => {
  const temporary = temporaryFolder();
  let server: RunningServer;
  before(async () => {
    server = await serveDigits();
    const clear = new Uint8Array(32 * 32 * 4).fill(255, 0, 32 * 20 * 4);
    writeFileSync(temporary('photo.png'), encodePng(stripesOf(32, 32)));
    writeFileSync(temporary('mask.png'), encodePngWithAlpha({ width: 32, height: 32, data: clear }));
  });
  after(() => server.stop());

  (hasCurl ? it : it.skip)('has examples with curl that work', async () => {
    const scripts = examples('sh', server);
    expect(scripts).to.have.length(ANSWERS.length);
    for (const [index, script] of scripts.entries()) {
      const { stdout } = await run('bash', ['-c', script], { cwd: temporary('.'), maxBuffer: 1 << 24 });
      expect(stdout, script).to.match(ANSWERS[index]!);
    }
  });

  it("has an example with OpenAI's client that works", async () => {
    const [script] = examples('js', server);
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script!], {
      cwd: root,
      encoding: 'buffer',
    });
    expect(stdout.subarray(1, 4).toString()).to.equal('PNG');
  });

  it('names all endpoints, and pictures that are there', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: object };
    for (const path of Object.keys(paths).filter(
      (own) => !own.includes('{') && !/arpg\/(outpaint|edit)$/.test(own),
    ))
      expect(guide).to.contain(path);
    for (const [, picture] of guide.matchAll(/\]\((pictures\/[^)]+)\)/g))
      expect(readFileSync(`${root}docs/${picture}`).subarray(1, 4).toString(), picture).to.equal('PNG');
  });

  it('is short enough to be read', () => {
    expect(guide.split('\n').length).to.be.at.most(150);
  });
});
