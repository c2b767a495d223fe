#!/usr/bin/env node
// The program itself is bundled with what it needs (scripts/bundleProgram.mjs).
await import(new URL('../../program/main.js', import.meta.url).href);
