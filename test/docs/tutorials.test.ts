import { describePage } from '../support/docs/describePage.js';
import { examplePages } from '../support/docs/examples.js';

for (const page of examplePages()) if (page.includes('tutorials/')) describePage(page);
