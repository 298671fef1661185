// The JSON fronts, with fetch in headless Chromium from a page of another origin, which --cors-origin
// allows.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { chromium } from 'playwright-core';
import { details, frames } from '../node/json.mjs';
import { Cannot, MOST, playAll } from '../node/play.mjs';
import * as inPage from './page.mjs';

// A server serves the page: if Playwright fulfilled its request, Playwright would answer preflights, too.
const server = createServer((_, answer) => answer.end('<!doctype html>')).listen(0, '127.0.0.1');
await once(server, 'listening');
const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: ['--no-sandbox', `--host-resolver-rules=MAP page.test:80 127.0.0.1:${server.address().port}`], // the user may be root
});
const page = await browser.newPage();
await page.goto('http://page.test/');

await playAll({ call, watch });
await browser.close();
process.exit(); // whatever a failed test has left open

async function open({ method, path, headers, body, cancel_after: seconds }, most) {
  const answer = await page.evaluateHandle(inPage.open, {
    url: process.env.AGENTCONF_HTTP + path, method, headers, body, seconds: seconds ?? most,
  });
  const { cannot, gaveUp, status, headers: got } = await answer.evaluate(({ parts, giveUp, ...plain }) => plain);
  if (cannot) throw new Cannot(cannot);
  return { answer, gaveUp, status, headers: got };
}

async function* parts(answer) {
  for (let part; (part = await answer.evaluate(inPage.next)) !== undefined;) yield part;
}

async function whole({ answer, status, headers }) {
  const text = await Readable.from(parts(answer)).toArray();
  return { status, headers, reply: JSON.parse(text.join('')) };
}

async function call(test) {
  const opened = await open(test, MOST);
  if (test.cancel_after && opened.gaveUp) return {};
  if (test.cancel_after) throw new Error(`answered before it was given up: ${opened.status}`);
  const got = await whole(opened);
  return { ...got, ...details(got.reply) };
}

function watch(step) {
  const giveUp = new AbortController();
  const opening = open(step);
  const read = async function* () {
    const opened = await opening;
    if (opened.status === 200) yield* frames(Readable.from(parts(opened.answer)), giveUp.signal);
    else yield { end: details((await whole(opened)).reply) };
  }();
  const next = async () => (await read.next()).value ?? { end: null };
  const stop = async () => {
    giveUp.abort();
    await (await opening).answer.evaluate((opened) => opened.giveUp.abort());
    return next();
  };
  return { next, stop };
}
