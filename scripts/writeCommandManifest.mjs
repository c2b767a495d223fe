// Writes oclif.manifest.json, so that starting a command does not load all the others, and from it the manual page
// dist/man/arpg.1.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';
import { ENVIRONMENT, manPage } from '../dist/src/cli/manPage.js';
import { commandShapes } from '../dist/src/cli/manifest.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version, description } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
writeFileSync(`${root}/oclif.manifest.json`, `${JSON.stringify({ ...plugin.manifest, version }, null, 2)}\n`);

mkdirSync(`${root}/dist/man`, { recursive: true });
writeFileSync(
  `${root}/dist/man/arpg.1`,
  manPage(commandShapes(), { version, description, environment: ENVIRONMENT }),
);
