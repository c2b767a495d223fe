import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const CANDIDATES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** A Chromium of this machine; undefined where there is none. */
export const CHROMIUM = CANDIDATES.find((path) => path !== undefined && existsSync(path));

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
};

/**
 * Opens a page in a headless Chromium and returns what its script leaves in `window.result`.
 * @param html the page
 * @param folders URL prefixes and the folders that they show
 */
export async function runPage(html: string, folders: Readonly<Record<string, string>>): Promise<unknown> {
  const server = createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? '/');
    const [prefix, folder] = Object.entries(folders).find(([own]) => url.startsWith(own)) ?? [];
    const path = prefix && folder ? join(folder, url.slice(prefix.length)) : undefined;
    if (url === '/') response.setHeader('content-type', 'text/html').end(html);
    else if (path && existsSync(path))
      response
        .setHeader('content-type', TYPES[path.split('.').at(-1)!] ?? 'application/octet-stream')
        .end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const browser = await puppeteer.launch({
    executablePath: CHROMIUM!,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--enable-unsafe-swiftshader',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
    ],
    protocolTimeout: 600_000,
  });
  try {
    const page = await browser.newPage();
    const failure = new Promise<never>((_, reject) => {
      page.on('pageerror', (error) => reject(error));
    });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const ready = page.waitForFunction('window.result !== undefined', { timeout: 600_000 });
    await Promise.race([ready, failure]);
    return await page.evaluate('window.result');
  } finally {
    await browser.close();
    server.close();
  }
}
