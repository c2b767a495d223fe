// Writes the published JSON schema of config.json from the one that the program checks with.
import { writeFileSync } from 'node:fs';
import { publishedConfigSchema } from '../dist/src/models/modelConfig.js';

writeFileSync(
  new URL('../fixtures/config.schema.json', import.meta.url),
  `${JSON.stringify(publishedConfigSchema, null, 2)}\n`,
);
