/**
 * Draws the pictures of the pages anew, by running their examples: `npm run docs:pictures`. Pages with slow examples
 * take some minutes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examplePages, examplesOf, ROOT } from './examples.js';
import { drawnPictures, enlarged } from './pictures.js';
import { openWorkplace } from './workplace.js';

const wanted = process.argv.slice(2);
for (const page of wanted.length > 0 ? wanted : examplePages()) {
  const workplace = openWorkplace();
  try {
    for (const example of examplesOf(page).filter(({ notRun }) => notRun === undefined)) {
      const fault = workplace.run(example);
      if (fault !== undefined) throw new Error(`${page}, line ${example.line}: ${fault}`);
    }
    for (const { shown, drawn } of drawnPictures(page, workplace)) {
      writeFileSync(join(ROOT, shown), await enlarged(drawn));
      process.stdout.write(`${shown}\n`);
    }
  } finally {
    workplace.remove();
  }
}
