import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { encodePng, encodePngWithAlpha } from '../../src/index.js';
import type { RunningServer } from '../../src/serve/server.js';
import { CHROMIUM } from '../support/browser.js';
import { offered, pixelsOf, serveDigits, stripesOf } from '../support/server.js';
import { temporaryFolder } from '../support/temporary.js';

const PICTURE = stripesOf(40, 32);

/** The pixels that the page's stage shows, as a PNG in base64. */
const shown = (page: Page): Promise<string> =>
  page.$eval('#picture', (canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());

const textOf = (page: Page, id: string) => page.$eval(`#${id}`, (node) => node.textContent ?? '');

const isShown = (page: Page, id: string) => page.$eval(`#${id}`, (node) => !node.hasAttribute('hidden'));

async function setValue(page: Page, id: string, value: string): Promise<void> {
  await page.$eval(
    `#${id}`,
    (input, own) => {
      (input as unknown as { value: string }).value = own;
      input.dispatchEvent(new Event('input', { bubbles: true }));
      input.dispatchEvent(new Event('change', { bubbles: true }));
    },
    value,
  );
}

/** Draws and waits for the result. */
async function draw(page: Page): Promise<void> {
  await page.click('#go');
  await page.waitForSelector('#use:not([hidden])');
  expect(await isShown(page, 'error'), await textOf(page, 'error-text')).to.equal(false);
}

(CHROMIUM === undefined ? describe.skip : describe)('the page, in Chromium', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  /** What the page asked for, and what went wrong in it. */
  let asked: string[];
  let faults: string[];

  before(async () => {
    server = await serveDigits({ models: [offered('digits'), offered('emoji')], token: 'page-token' });
    browser = await puppeteer.launch({
      executablePath: CHROMIUM!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    writeFileSync(temporary('stripes.png'), encodePng(PICTURE));
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    [asked, faults] = [[], []];
    const context = await browser.createBrowserContext();
    page = await context.newPage();
    await page.setViewport({ width: 1180, height: 860 });
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await page.goto(`${server.url}/#token=page-token`);
    await page.waitForSelector('#class:not(:disabled)');
  });
  afterEach(async () => {
    expect(faults).to.deep.equal([]);
    const elsewhere = asked.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(server.url));
    expect(elsewhere).to.deep.equal([]);
    await page.browserContext().close();
  });

  async function open(file: string): Promise<void> {
    const input = await page.$('input#file');
    await input!.uploadFile(temporary(file));
    await page.waitForFunction("!document.getElementById('sheet').hidden");
  }

  it('takes the token from the address and hides it there', async () => {
    expect(page.url()).to.equal(`${server.url}/`);
  });

  it('finds a class as it is typed, draws it step by step and shows its seed', async () => {
    await page.select('#model', 'emoji');
    await page.waitForFunction("document.getElementById('class').placeholder.includes('1906')");
    await page.click('#class');
    await page.keyboard.type('sports med');
    const first = await page.$eval('#classes [role=option]', (option) => option.textContent);
    expect(first).to.contain('sports medal').and.to.contain('award medal');
    await page.keyboard.press('Enter');
    expect(await textOf(page, 'class-note')).to.match(/index \d+/);
    await setValue(page, 'seed', '77');
    await setValue(page, 'steps', '20');
    await page.evaluate(`
      window.seen = new Set();
      new MutationObserver(() => seen.add(document.getElementById('status').textContent))
        .observe(document.getElementById('status'), { childList: true });`);
    await draw(page);
    const seen = (await page.evaluate('[...seen]')) as readonly string[];
    expect(seen.filter((text) => /^Drawing: \d+ of 64 tokens$/.test(text)).length).to.be.greaterThan(10);
    expect(await textOf(page, 'status')).to.contain('Seed 77');
    const { width, height, data } = pixelsOf(await shown(page));
    expect([width, height]).to.deep.equal([32, 32]);
    expect(new Set(data).size).to.be.greaterThan(20);
    expect(await page.$$eval('#history button', (buttons) => buttons.map((own) => own.title))).to.deep.equal([
      'sports medal, seed 77, emoji',
    ]);
  });

  it('keeps the history over a reload, and draws the same again from it', async () => {
    await page.click('#class');
    await page.keyboard.type('7');
    await page.keyboard.press('Enter');
    await draw(page);
    const before = await shown(page);
    await page.reload();
    await page.waitForSelector('#class:not(:disabled)');
    await page.click('#history button');
    await page.waitForSelector('#use:not([hidden])');
    expect(await shown(page)).to.equal(before);
    await draw(page);
    expect(await shown(page)).to.equal(before);
  });

  it('draws several pictures at once', async () => {
    await setValue(page, 'count', '4');
    await draw(page);
    const { width, height } = pixelsOf(await shown(page));
    expect([width, height]).to.deep.equal([65, 65]);
    expect(await page.$$('#history button')).to.have.length(4);
  });

  it('inpaints what is painted and leaves all other pixels', async () => {
    await open('stripes.png');
    await page.click('input[value=inpaint]');
    const box = (await (await page.$('#mask'))!.boundingBox())!;
    await setValue(page, 'brush', '6');
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.5);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5, { steps: 5 });
    await page.mouse.up();
    const mask = (await page.$eval('#mask', (canvas) =>
      (canvas as unknown as { toDataURL(): string }).toDataURL(),
    )) as string;
    await page.click('#class');
    await page.keyboard.type('8');
    await page.keyboard.press('Enter');
    await draw(page);
    const [drawn, painted] = [pixelsOf(await shown(page)), pixelsOf(mask)];
    expect([drawn.width, drawn.height]).to.deep.equal([40, 32]);
    let [masked, changed] = [0, 0];
    for (let pixel = 0; pixel < 40 * 32; pixel++) {
      const isSame = [0, 1, 2].every((c) => drawn.data[pixel * 4 + c] === PICTURE.data[pixel * 3 + c]);
      if (painted.data[pixel * 4 + 3]! > 0) {
        masked++;
        if (!isSame) changed++;
      } else expect(isSame, `pixel ${pixel}`).to.equal(true);
    }
    expect(masked).to.be.within(60, 200);
    expect(changed).to.be.greaterThan(masked * 0.9);
    expect(await isShown(page, 'compare-tool')).to.equal(true);
    await setValue(page, 'compare', '50');
    expect(
      await page.$eval(
        '#before',
        (canvas) => (canvas as unknown as { style: { clipPath: string } }).style.clipPath,
      ),
    ).to.contain('50%');
  });

  it('paints with the keyboard, undoes and does again', async () => {
    await open('stripes.png');
    await page.focus('#mask');
    const painted = async () => {
      const mask = await page.$eval('#mask', (canvas) =>
        (canvas as unknown as { toDataURL(): string }).toDataURL(),
      );
      return pixelsOf(mask as string)
        .data.filter((_, index) => index % 4 === 3)
        .filter(Boolean).length;
    };
    await page.keyboard.press('Space');
    const dot = await painted();
    expect(dot).to.be.greaterThan(10);
    await page.keyboard.down('Shift');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.up('Shift');
    const line = await painted();
    expect(line).to.be.greaterThan(dot);
    await page.keyboard.down('Control');
    await page.keyboard.press('z');
    await page.keyboard.up('Control');
    expect(await painted()).to.equal(dot);
    await page.click('#redo');
    expect(await painted()).to.equal(line);
    await page.click('#erase');
    await page.focus('#mask');
    await page.keyboard.press('Space');
    expect(await painted()).to.be.below(line);
    await page.click('#clear');
    expect(await painted()).to.equal(0);
    await page.click('#invert');
    expect(await painted()).to.equal(40 * 32);
  });

  it('outpaints by dragging a border, and by keys', async () => {
    await open('stripes.png');
    await page.click('input[value=outpaint]');
    const box = (await (await page.$('.handle.right'))!.boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 60, y, { steps: 4 });
    await page.mouse.up();
    const right = Number(
      await page.$eval('#right', (input) => (input as unknown as { value: string }).value),
    );
    expect(right).to.be.greaterThan(0);
    expect(right % 8).to.equal(0);
    await page.focus('.handle.bottom');
    await page.keyboard.press('ArrowDown');
    await draw(page);
    const drawn = pixelsOf(await shown(page));
    expect([drawn.width, drawn.height]).to.deep.equal([40 + right, 40]);
    for (let pixel = 0; pixel < 40 * 32; pixel++) {
      const [row, column] = [Math.floor(pixel / 40), pixel % 40];
      const at = (row * drawn.width + column) * 4;
      expect([...drawn.data.subarray(at, at + 3)]).to.deep.equal([
        ...PICTURE.data.subarray(pixel * 3, pixel * 3 + 3),
      ]);
    }
  });

  it('edits a share of a picture to a class', async () => {
    await open('stripes.png');
    await page.click('input[value=edit]');
    await page.select('#keep-kind', 'share');
    await page.click('#go');
    await page.waitForSelector('#error:not([hidden])');
    expect(await textOf(page, 'error-text')).to.contain('Choose the class');
    await page.click('#class');
    await page.keyboard.type('5');
    await page.keyboard.press('Enter');
    await draw(page);
    expect(await shown(page)).not.to.equal(undefined);
  });

  it('says what is wrong in words', async () => {
    writeFileSync(temporary('wrong.png'), 'no picture');
    const input = await page.$('input#file');
    await input!.uploadFile(temporary('wrong.png'));
    await page.waitForSelector('#error:not([hidden])');
    expect(await textOf(page, 'error-text')).to.contain('no picture that the browser can read');
    await page.click('#error-close');
    await page.click('#class');
    await page.keyboard.type('giraffe');
    expect(await textOf(page, 'classes')).to.contain('No class of that name');
    await page.keyboard.press('Escape');
    await page.click('#go');
    await page.waitForSelector('#error:not([hidden])');
    expect(await textOf(page, 'error-text')).to.contain('No class has that name');
  });

  it('stops on Escape, and the server with it', async () => {
    await page.select('#model', 'emoji');
    await page.waitForFunction("document.getElementById('class').placeholder.includes('1906')");
    await setValue(page, 'count', '9');
    await page.click('#go');
    await page.waitForFunction("document.getElementById('status').textContent.startsWith('Drawing')");
    await page.keyboard.press('Escape');
    await page.waitForFunction("document.getElementById('status').textContent === 'Stopped'");
    const start = performance.now();
    for (;;) {
      const { queue } = (await (await fetch(`${server.url}/healthz`)).json()) as { queue: { taken: number } };
      if (queue.taken === 0) break;
      expect(performance.now() - start).to.be.below(3000);
    }
  });

  it('asks for the token when it has none, again when it is wrong', async () => {
    const context = await browser.createBrowserContext();
    const other = await context.newPage();
    await other.goto(server.url);
    await other.waitForSelector('#token-dialog[open]');
    await other.type('#token', 'wrong-token');
    await other.keyboard.press('Enter');
    await other.waitForSelector('#token-error:not([hidden])');
    await other.type('#token', 'page-token');
    await other.keyboard.press('Enter');
    await other.waitForSelector('#class:not(:disabled)');
    await context.close();
  });

  it('fits a phone and names all its controls', async () => {
    await page.setViewport({ width: 360, height: 720 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).to.be.at.most(360);
    const nameless = (await page.evaluate(`
      [...document.querySelectorAll('button, input, select, canvas[tabindex], [role=slider]')]
        .filter((own) => own.checkVisibility())
        .filter((own) => !own.textContent.trim() && !own.labels?.length && !own.ariaLabel)
        .map((own) => own.id)`)) as readonly string[];
    expect(nameless).to.deep.equal([]);
  });

  it('works with a picture that has transparent parts', async () => {
    const data = new Uint8Array(32 * 32 * 4).fill(200);
    writeFileSync(temporary('glass.png'), encodePngWithAlpha({ width: 32, height: 32, data }));
    await open('glass.png');
    await page.focus('#mask');
    await page.keyboard.press('Space');
    await draw(page);
    expect(await isShown(page, 'error')).to.equal(false);
  });
});
