import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import { CHROMIUM, runPage } from '../support/browser.js';
import { describePage } from '../support/docs/describePage.js';
import { examplePages, examplesOf } from '../support/docs/examples.js';
import { openWorkplace } from '../support/docs/workplace.js';
import { classifyDigits } from '../support/modelMetrics.js';
import { decodeImage } from '../../src/data/image.js';

/** Sides of the pictures in a grid, and the pixels between them. */
const [SIDE, GAP] = [32, 2];

/** The digits model of the tutorial draws a row of four for each digit; a classifier tells 99 of 100 (the page). */
async function expectDigits(file: string): Promise<void> {
  const cells = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const left = (index % 4) * (SIDE + GAP);
      const top = Math.floor(index / 4) * (SIDE + GAP);
      const cell = await sharp(file).extract({ left, top, width: SIDE, height: SIDE }).png().toBuffer();
      return decodeImage(cell, `picture ${index} of ${file}`);
    }),
  );
  const found = await classifyDigits(cells);
  expect(found.filter((digit, index) => digit === Math.floor(index / 4)).length).to.be.at.least(32);
}

const checks = { 'docs/pictures/trained.png': expectDigits };

// test/docs/readme.test.ts has the quick ones of README.md.
const isHere = (page: string) =>
  page === 'README.md' ? examplesOf(page).some(({ isSlow }) => isSlow) : examplesOf(page).length > 0;
for (const page of examplePages().filter(isHere)) describePage(page, { slow: true, checks });

describe('the page of the tutorial', () => {
  it('draws a three in headless Chromium', async function () {
    // Reported as skipped where no Chromium is installed.
    if (!CHROMIUM) this.skip();
    const workplace = openWorkplace();
    try {
      for (const example of examplesOf('docs/tutorials/export-to-a-page.md'))
        if (example.notRun === undefined) expect(workplace.run(example)).to.equal(undefined);
      const html = readFileSync(workplace.path('page/index.html'), 'utf8');
      const watch = `<script type="module">
          const canvas = document.getElementById('canvas');
          const timer = setInterval(() => {
            if (canvas.width !== 32 || document.querySelectorAll('button').length !== 10) return;
            clearInterval(timer);
            window.result = canvas.toDataURL('image/png');
          }, 100);
        </script>`;
      const drawn = (await runPage(html + watch, { '/': `${workplace.path('page')}/` })) as string;
      const image = await decodeImage(Buffer.from(drawn.split(',')[1]!, 'base64'), 'the canvas');
      expect(await classifyDigits([image])).to.deep.equal([3]);
    } finally {
      workplace.remove();
    }
  }).timeout(300_000);
});

describe('the nine and the eight of the pages', () => {
  it('are recognised', async () => {
    const workplace = openWorkplace();
    try {
      const example = examplesOf('README.md').find(({ code }) => code.includes('nine.png --mask'));
      expect(workplace.run(example!)).to.equal(undefined);
      const pictures = await Promise.all(
        ['nine.png', 'eight.png'].map((name) => decodeImage(readFileSync(workplace.path(name)), name)),
      );
      expect(await classifyDigits(pictures)).to.deep.equal([9, 8]);
    } finally {
      workplace.remove();
    }
  }).timeout(60_000);
});
