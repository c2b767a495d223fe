import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { CHROMIUM, runPage } from '../support/browser.js';
import { describePage } from '../support/docs/describePage.js';
import { examplePages, examplesOf } from '../support/docs/examples.js';
import { openWorkplace } from '../support/docs/workplace.js';
import { classifyDigits } from '../support/modelMetrics.js';
import { decodeImage } from '../../src/data/image.js';

// test/docs/readme.test.ts has the quick ones of README.md.
const isHere = (page: string) =>
  page === 'README.md' ? examplesOf(page).some(({ isSlow }) => isSlow) : examplesOf(page).length > 0;
for (const page of examplePages().filter(isHere)) describePage(page, { slow: true });

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
