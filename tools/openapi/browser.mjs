// Opens /docs in a browser, enters a GUID, tries the documented hold and takes a screenshot.
//
//   node browser.mjs BROWSER URL GUID SCREENSHOT
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [executablePath, url, guid, screenshot] = process.argv.slice(2);
const path = "/v1/agents/1287/conference:holdParticipant";

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] }); // the user may be root
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  page.setDefaultTimeout(20_000);
  const errors = [];
  const otherHosts = [];
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  page.on("pageerror", (e) => errors.push(String(e)));
  await page.route((u) => u.host !== new URL(url).host, (route) => {
    otherHosts.push(route.request().url());
    return route.abort();
  });

  await page.goto(new URL("/docs", url).href);
  const hold = page.locator(".opblock", { hasText: "/v1/agents/{agentId}/conference:holdParticipant" }).first();
  await hold.waitFor();

  await page.getByRole("button", { name: "Authorize" }).click();
  await page.locator(".auth-container input").fill(guid);
  await page.locator(".auth-container").getByRole("button", { name: "Apply credentials" }).click();
  await page.locator(".auth-container").getByRole("button", { name: "Close" }).click();

  await hold.locator(".opblock-summary-control").click();
  const sent = page.waitForRequest((r) => new URL(r.url()).pathname === path);
  await hold.getByRole("button", { name: "Execute" }).click();
  const request = await sent;
  const reply = await (await request.response()).json();
  await hold.locator(".live-responses-table").waitFor();
  await hold.scrollIntoViewIfNeeded();
  await page.screenshot({ path: screenshot });

  assert.equal(request.headers().guid, guid, "the GUID of the request");
  assert.equal(reply.retcode, "0", JSON.stringify(reply));
  assert.match(await hold.locator(".live-responses-table").innerText(), /"retcode": "0"/);
  assert.deepEqual(otherHosts, [], "requests to other hosts");
  assert.deepEqual(errors, [], "errors in the browser's console");
  console.log("a hold was tried at", new URL("/docs", url).href);
} finally {
  await browser.close();
}
