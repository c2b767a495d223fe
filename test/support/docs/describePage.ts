import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { examplesOf, ROOT } from './examples.js';
import { distance, drawnPictures, enlarged } from './pictures.js';
import { openWorkplace, type Workplace } from './workplace.js';

/** What a picture must show that is drawn by a model which the page trains: it gets the file. */
export type PictureCheck = (drawn: string) => Promise<void>;

export interface PageOptions {
  /** Run the examples that take minutes, too. */
  readonly slow?: boolean;
  /**
   * Checks instead of the comparison, by the path of the picture shown. Processors round in different ways, which
   * hundreds of training steps magnify: such a model draws other pictures, equally good ones.
   */
  readonly checks?: Readonly<Record<string, PictureCheck>>;
}

/** Tests that run a page's examples in their order, and compare the pictures that they draw with those it shows. */
export function describePage(page: string, { slow = false, checks = {} }: PageOptions = {}): void {
  describe(`the examples of ${page}`, () => {
    let workplace: Workplace;
    before(() => {
      workplace = openWorkplace();
    });
    after(() => workplace.remove());

    for (const example of examplesOf(page).filter(
      ({ notRun, isSlow }) => notRun === undefined && (slow || !isSlow),
    ))
      it(`line ${example.line}: ${example.file ?? example.code.split('\n')[0]!.slice(0, 80)}`, () => {
        expect(workplace.run(example)).to.equal(undefined);
      }).timeout(slow ? 1_200_000 : 120_000);

    it('draw the pictures that it shows', async () => {
      // Floating-point numbers are rounded in other ways on other processors.
      for (const { shown, drawn } of drawnPictures(page, workplace)) {
        const check = checks[shown];
        if (check) await check(drawn);
        else
          expect(
            await distance(await enlarged(drawn), readFileSync(join(ROOT, shown))),
            `${shown}; npm run docs:pictures draws it`,
          ).to.be.at.most(4);
      }
    });
  });
}
