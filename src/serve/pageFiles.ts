import { readFileSync } from 'node:fs';
import type { Hono } from 'hono';
import { packageFile } from '../packageFiles.js';
import type { Env } from './context.js';

/** Where the build puts the page. */
const FOLDER = 'dist/page/';

const FILES = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
  '/icon.svg': { file: 'icon.svg', type: 'image/svg+xml' },
} as const;

/** Everything of the page comes from this server, and nothing may frame it or be sent elsewhere. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds the page and its parts, read once. */
export function addPage(app: Hono<Env>): void {
  for (const [path, { file, type }] of Object.entries(FILES)) {
    const text = readFileSync(packageFile(`${FOLDER}${file}`), 'utf8');
    app.get(path, (context) =>
      context.body(text, 200, {
        'content-type': type,
        'cache-control': 'no-cache',
        'content-security-policy': PAGE_POLICY,
      }),
    );
  }
}
