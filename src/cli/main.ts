#!/usr/bin/env node
// The program itself is bundled with what it needs (scripts/bundleProgram.mjs); what completes command lines is apart.
const part = process.argv[2] === '__complete' ? 'complete' : 'main';
await import(new URL(`../../program/${part}.js`, import.meta.url).href);
