import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const types = { '/hold.html': 'text/html', '/hold.js': 'text/javascript' };
const server = createServer(({ url }, response) => {
  if (!types[url]) return response.writeHead(404).end();
  return response.setHeader('Content-Type', types[url]).end(readFileSync(`.${url}`));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: ['--no-sandbox', `--host-resolver-rules=MAP page.test:80 127.0.0.1:${server.address().port}`], // the user may be root
});
const page = await browser.newPage();
await page.goto('http://page.test/hold.html');
const { AGENTCONF_HTTP: base, AGENT: agent } = process.env;
if (base) await page.locator('[name=base]').fill(base);
if (agent) await page.locator('[name=agent]').fill(agent);
await page.locator('button').click();
const outcome = await page.locator('output', { hasText: /./ }).textContent();
await browser.close();
console.log(outcome);
process.exit(outcome === 'applied' ? 0 : outcome.startsWith('unknown') ? 2 : 1);
