// Makes the pictures of the page in docs/pictures from a server of this build: `node scripts/pageScreenshots.mjs`.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import sharp from 'sharp';
import { CHROMIUM } from '../dist/test/support/browser.js';
import { modelFolder } from '../dist/src/index.js';
import { startServer } from '../dist/src/serve/server.js';

const target = process.argv[2] ?? fileURLToPath(new URL('../docs/pictures/', import.meta.url));

/** Keeps what a page shows, in few colours: the pictures travel with the package. */
async function shoot(page, name) {
  await page.mouse.move(0, 0);
  const shot = await page.screenshot();
  await sharp(shot).png({ palette: true, colours: 128, effort: 10 }).toFile(`${target}/${name}.png`);
}

const DESKTOP = { width: 1180, height: 860 };
const PHONE = { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

if (CHROMIUM === undefined) throw new Error('no Chromium is found; name one in the variable CHROMIUM');
mkdirSync(target, { recursive: true });
const models = ['emoji', 'digits'].map((id) => ({ id, folder: modelFolder(id) }));
const server = await startServer({ models, port: 0 });
const browser = await puppeteer.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

async function openPage(viewport, scheme) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(server.url);
  await page.waitForSelector('#class:not(:disabled)');
  return page;
}

async function chooseClass(page, text) {
  await page.click('#class');
  await page.$eval('#class', (input) => input.select());
  await page.keyboard.type(text);
  await page.waitForSelector('#classes [role=option]');
}

async function draw(page, seed) {
  await page.$eval(
    '#seed',
    (input, value) => {
      input.value = value;
    },
    seed,
  );
  await page.click('#go');
  await page.waitForSelector('#use:not([hidden])');
}

/** Draws some pictures, so that there is a history. */
async function drawMany(page) {
  const wanted = [
    ['sports medal', '4'],
    ['cat face', '7'],
    ['pizza', '3'],
    ['watermelon', '5'],
    ['smiling face', '1'],
  ];
  for (const [text, seed] of wanted) {
    await chooseClass(page, text);
    await page.keyboard.press('Enter');
    await draw(page, seed);
  }
}

async function paint(page, from, to) {
  const box = await (await page.$('#mask')).boundingBox();
  const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to), { steps: 8 });
  await page.mouse.up();
}

/** Draws a face, and paints over its mouth. */
async function paintFace(page) {
  await chooseClass(page, 'smiling face');
  await page.keyboard.press('Enter');
  await draw(page, '1');
  await page.click('#use');
  await paint(page, [0.3, 0.62], [0.7, 0.66]);
}

const light = await openPage(DESKTOP, 'light');
await drawMany(light);
await shoot(light, 'serve-draw-light');
await chooseClass(light, 'flag');
await shoot(light, 'serve-search-light');
await paintFace(light);
await draw(light, '3');
await light.$eval('#compare', (input) => {
  input.value = '50';
  input.dispatchEvent(new Event('input'));
});
await shoot(light, 'serve-compare-light');
await light.click('input[value=outpaint]');
await light.focus('.handle.right');
for (let times = 0; times < 4; times++) await light.keyboard.press('ArrowRight');
await shoot(light, 'serve-outpaint-light');

const dark = await openPage(DESKTOP, 'dark');
await drawMany(dark);
await shoot(dark, 'serve-draw-dark');
await paintFace(dark);
await shoot(dark, 'serve-inpaint-dark');

const phone = await openPage(PHONE, 'light');
await chooseClass(phone, 'pizza');
await phone.keyboard.press('Enter');
await draw(phone, '3');
await shoot(phone, 'serve-phone');
await phone.click('#use');
await paint(phone, [0.3, 0.4], [0.7, 0.5]);
await shoot(phone, 'serve-phone-inpaint');
await browser.close();
await server.stop();
