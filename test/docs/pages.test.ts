import { describePage } from '../support/docs/describePage.js';
import { examplePages, examplesOf } from '../support/docs/examples.js';

for (const page of examplePages())
  if (page !== 'README.md' && !page.includes('tutorials/') && examplesOf(page).length > 0) describePage(page);
