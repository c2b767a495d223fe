import { describePage } from '../support/docs/describePage.js';
import { examplePages, examplesOf } from '../support/docs/examples.js';

for (const page of examplePages().filter((name) => name !== 'README.md' && examplesOf(name).length > 0))
  describePage(page);
