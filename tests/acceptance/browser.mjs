// Open pages in headless Chromium and tell of each, as JSON, what it saw, what it asked for and what it complained of.
// Arguments: the browser, a folder for pictures, then for each page its name and its address.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {chromium} from 'playwright-core';

const [executablePath, folder, ...pages] = process.argv.slice(2);
const browser = await chromium.launch({executablePath, args: [
  '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist',
]});
const told = {};
for (let at = 0; at < pages.length; at += 2) {
  const [name, address] = [pages[at], pages[at + 1]];
  const page = await browser.newPage({viewport: {width: 800, height: 600}});
  const complaints = [], hosts = new Set(), failed = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.host) hosts.add(url.hostname);
  });
  page.on('response', (response) => response.status() >= 400 && failed.push(`${response.status()} ${response.url()}`));
  let seen = null;
  try {
    await page.goto(address);
    await page.waitForFunction(() => window.seen, null, {timeout: 60_000});
    await page.waitForTimeout(500);
    seen = await page.evaluate(() => window.seen);
  } catch (error) {
    complaints.push(String(error));
  }
  writeFileSync(join(folder, `${name}.png`), await page.screenshot());
  told[name] = {seen, complaints, failed, hosts: [...hosts]};
  await page.close();
}
await browser.close();
console.log(JSON.stringify(told));
